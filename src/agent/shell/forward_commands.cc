#include "agent/shell/forward_commands.h"

#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/json.hpp>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <iostream>

#include "agent/forward/splice.h"
#include "agent/local_api/request.h"
#include "base/ip.h"
#include "base/result.h"
#include "base/text.h"
#include "net/unix_socket.h"
#include "proto/invitation.h"

namespace postern::agent {
namespace {

namespace json = boost::json;

int say(const std::string& text, int status) {
  std::cerr << "postern-agent: " << one_line(text) << "\n";
  return status;
}

Result<json::array> ask_destinations(const std::string& runtime_dir, net::Patience& patience) {
  const auto path = (std::filesystem::path(runtime_dir) / kLocalSocket).string();
  const auto reply = net::unix_call(path, print_local_request({LocalRequest::Command::kDestinations, {}}), net::kSilenceEnds,
                                    "postern-agent: the agent has not answered yet", patience);
  if (!reply) return fail(reply.error());
  auto answer = parse_local_answer(*reply);
  if (!answer) return fail(answer.error());
  boost::system::error_code ec;
  auto value = json::parse(*answer, ec);
  if (ec || !value.is_array()) return fail(ErrorCode::kDataLoss, "the agent gave an answer that cannot be read");
  return std::move(value.get_array());
}

std::string member(const json::value& one, const char* name) {
  const auto* object = one.if_object();
  const auto* value = object == nullptr ? nullptr : object->if_contains(name);
  if (value == nullptr || value->is_null()) return {};
  return value->is_string() ? std::string(value->get_string()) : json::serialize(*value);
}

std::string trouble(const json::value& one) {
  const auto id = member(one, "denial_id");
  return member(one, "last_error") + (id.empty() ? "" : " (" + id + ")");
}

int connect_to_listener(const std::string& at) {
  const auto place = proto::parse_host_port(at);
  const auto ip = place ? IpAddress::parse(place->host) : std::nullopt;
  if (!ip) return -1;
  sockaddr_storage storage{};
  socklen_t size;
  if (ip->is_v4()) {
    auto* in = reinterpret_cast<sockaddr_in*>(&storage);
    in->sin_family = AF_INET;
    in->sin_port = htons(place->port);
    std::memcpy(&in->sin_addr, ip->bytes().data(), 4);
    size = sizeof *in;
  } else {
    auto* in = reinterpret_cast<sockaddr_in6*>(&storage);
    in->sin6_family = AF_INET6;
    in->sin6_port = htons(place->port);
    std::memcpy(&in->sin6_addr, ip->bytes().data(), 16);
    size = sizeof *in;
  }
  const int fd = ::socket(storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd >= 0 && ::connect(fd, reinterpret_cast<const sockaddr*>(&storage), size) != 0) {
    ::close(fd);
    return -1;
  }
  const int on = 1;
  if (fd >= 0) ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return fd;
}

}  // namespace

int destinations_command(const std::string& runtime_dir, bool as_json, net::Patience& patience) {
  const auto list = ask_destinations(runtime_dir, patience);
  if (!list) return say(list.error().message, 2);
  if (as_json) {
    std::cout << json::serialize(*list) << "\n";
    return 0;
  }
  if (list->empty()) std::cout << "no ZTNA destinations: the endpoint profile has none, or this machine is not registered (postern-agent status)\n";
  for (const auto& one : *list) {
    const auto at = member(one, "listen");
    const auto host = member(one, "host");
    std::cout << fmt::format("{:<20} {}:{} by {}, listens on {}, {} open\n", member(one, "name"),
                             host.find(':') == host.npos ? host : "[" + host + "]", member(one, "port"), member(one, "gateway"),
                             at.empty() ? "nothing" : at, member(one, "open"));
    if (const auto why = trouble(one); !why.empty()) std::cout << "  last error: " << one_line(why) << "\n";
  }
  return 0;
}

int forward_command(const std::string& runtime_dir, const std::string& host, std::uint16_t port, net::Patience& patience) {
  ::signal(SIGPIPE, SIG_IGN);
  auto list = ask_destinations(runtime_dir, patience);
  if (!list) return say(list.error().message, 2);
  const auto found = [&](const json::array& all) -> const json::value* {
    for (const auto& one : all) {
      if (member(one, "host") == to_lower(host) && member(one, "port") == std::to_string(port)) return &one;
    }
    return nullptr;
  };
  const auto* one = found(*list);
  if (one == nullptr) return say(fmt::format("{} port {} is no ZTNA destination of this endpoint (postern-agent destinations)", host, port), 1);
  const auto at = member(*one, "listen");
  if (at.empty()) return say(trouble(*one), 1);
  const auto name = member(*one, "name");
  const int fd = connect_to_listener(at);
  if (fd < 0) return say("connecting to " + at + ": " + errno_text(errno), 1);
  const bool clean = splice(STDIN_FILENO, STDOUT_FILENO, fd);
  ::close(fd);
  if (clean) return 0;
  // The agent knows why.
  list = ask_destinations(runtime_dir, patience);
  const auto* after = list ? found(*list) : nullptr;
  const auto why = after == nullptr ? std::string() : trouble(*after);
  return say(why.empty() ? name + ": the connection was reset" : name + ": " + why, 1);
}

}  // namespace postern::agent
