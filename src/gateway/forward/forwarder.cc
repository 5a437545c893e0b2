#include "gateway/forward/forwarder.h"

#include <fmt/format.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/log.h"
#include "base/text.h"
#include "gateway/forward/destinations.h"

namespace postern::gateway {
namespace {

net::TunnelAnswer refused(int status, const std::string& why) {
  net::TunnelAnswer out;
  out.refusal.status = status;
  out.refusal.headers.add("Content-Type", "text/plain; charset=utf-8");
  out.refusal.body = why + "\n";
  return out;
}

Status drop_to(const std::string& user) {
  if (user.empty()) return {};
  const auto* entry = ::getpwnam(user.c_str());
  if (entry == nullptr) return fail(ErrorCode::kNotFound, "there is no user " + user);
  if (::setgroups(0, nullptr) != 0 || ::setresgid(entry->pw_gid, entry->pw_gid, entry->pw_gid) != 0 ||
      ::setresuid(entry->pw_uid, entry->pw_uid, entry->pw_uid) != 0) {
    return fail(ErrorCode::kPermissionDenied, "can't become the user " + user);
  }
  return {};
}

void allow_many_files() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace

net::TunnelAnswer forward_decision(const net::HttpRequest& request, const std::function<bool(const IpAddress&)>& own) {
  const auto* told = request.headers.find(kDestinationsHeader);
  if (told == nullptr || request.headers.count(kDestinationsHeader) != 1)
    return refused(403, "this request did not come by an access proxy");
  const auto destinations = parse_destinations(*told);
  if (!destinations) {
    log_error("forward.destinations", destinations.error().message);
    return refused(500, "the gateway's configuration could not be read");
  }
  const auto argument = [&](const char* name) {
    const auto it = request.query.find(name);
    return it == request.query.end() ? std::string() : it->second;
  };
  auto host = argument("address");
  const auto port = parse_u64(argument("port"));
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  if (host.empty() || host.size() > 253 || !port || *port < 1 || *port > 65535)
    return refused(400, "say where to: ?address=HOST&port=NUMBER");
  const bool sound = IpAddress::parse(host) || host_name_sound(to_lower(host));
  if (!sound || !leads_to(*destinations, host, static_cast<std::uint16_t>(*port))) {
    log_warning("forward.refused", "a destination that is not configured was asked for",
                {{"destination", sound ? host : std::string("?")}, {"port", std::to_string(*port)}});
    return refused(403, fmt::format("{} port {} is not a destination of this application", sound ? host : "that host", *port));
  }
  if (const auto address = IpAddress::parse(host); address && !named_singly(*destinations, *address) && own(*address)) {
    log_warning("forward.refused", "a range of destinations holds an address of this machine, which was asked for",
                {{"destination", host}, {"port", std::to_string(*port)}});
    return refused(403, fmt::format("{} is this gateway itself, which no range of destinations leads to", host));
  }
  net::TunnelAnswer out;
  out.to = {to_lower(host), static_cast<std::uint16_t>(*port)};
  return out;
}

int run_forwarder(const ForwarderOptions& options) {
  ::prctl(PR_SET_NAME, "postern-tcp");
  allow_many_files();
  if (auto done = drop_to(options.user); !done) {
    log_error("forward.start", done.error().message);
    return 1;
  }
  ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  ::signal(SIGPIPE, SIG_IGN);
  net::Loop loop;
  auto server = net::TunnelServer::listen(loop, options.socket, 0600, [](const net::HttpRequest& request) { return forward_decision(request); },
                                          [](const net::TunnelAnswer::Destination& to, const net::TunnelEnd& end) {
                                            log_info("forward.ended", end.clean ? "both ends are done" : end.reason,
                                                     {{"destination", to.host},
                                                      {"port", std::to_string(to.port)},
                                                      {"from", std::to_string(end.from_tcp)},
                                                      {"to", std::to_string(end.to_tcp)}});
                                          });
  if (!server) {
    log_error("forward.start", server.error().message);
    return 1;
  }
  const auto signals = loop.on_signal({SIGTERM, SIGINT}, [&loop](int) { loop.stop(); });
  log_info("forward.started", "TCP is forwarded", {{"socket", options.socket}});
  loop.run();
  return 0;
}

}  // namespace postern::gateway
