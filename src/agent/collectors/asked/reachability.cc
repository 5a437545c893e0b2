// net.resolves:, net.pings: and net.web_answers: asked of the network, all at once, for three seconds at most.
#include "agent/collectors/asked/reachability.h"

#include <fcntl.h>
#include <netdb.h>
#include <netinet/icmp6.h>
#include <netinet/ip_icmp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <cstring>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "agent/collectors/asked.h"
#include "agent/collectors/stopping.h"
#include "base/file.h"
#include "base/ip.h"
#include "base/text.h"
#include "net/download.h"
#include "net/loop.h"
#include "posture/fact_keys.h"

namespace postern::agent {
namespace reachability_family {
namespace {

namespace keys = posture::keys;
using posture::FactValue;
using posture::Unknown;
using posture::UnknownReason;
using Steady = std::chrono::steady_clock;

constexpr std::chrono::milliseconds kPatience{3000};
constexpr std::chrono::milliseconds kEchoAgain{1000};
constexpr Seconds kLook{30};
constexpr int kMaxThreads = 32;  // those that hang in a resolver included
constexpr std::size_t kMaxAddresses = 64;
constexpr const char* kRoots[] = {"/etc/ssl/certs/ca-certificates.crt",
                                  "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem", "/etc/ssl/cert.pem"};

struct Answer {
  FactValue value = Unknown{UnknownReason::kFailed};
  std::string source;
};

struct Socket {
  explicit Socket(int descriptor) : fd(descriptor) {}
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
  ~Socket() {
    if (fd >= 0) ::close(fd);
  }
  int fd;
};

int left_until(Steady::time_point end) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - Steady::now());
  return static_cast<int>(std::max<std::int64_t>(left.count(), 0));
}

struct Found {
  std::vector<std::pair<sockaddr_storage, socklen_t>> addresses;
  int error = 0;  // of getaddrinfo
};

Found look_up(const std::string& name) {
  Found out;
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* list = nullptr;
  out.error = ::getaddrinfo(name.c_str(), nullptr, &hints, &list);
  for (const auto* at = list; at != nullptr && out.addresses.size() < kMaxAddresses; at = at->ai_next) {
    sockaddr_storage address{};
    std::memcpy(&address, at->ai_addr, std::min<std::size_t>(at->ai_addrlen, sizeof address));
    out.addresses.emplace_back(address, at->ai_addrlen);
  }
  if (list != nullptr) ::freeaddrinfo(list);
  return out;
}

bool no_such_name(int error) { return error == EAI_NONAME || error == EAI_NODATA; }

std::string text_of(const sockaddr_storage& address) {
  if (address.ss_family == AF_INET) {
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(address);
    return IpAddress::from_bytes({reinterpret_cast<const char*>(&v4.sin_addr), 4})->str();
  }
  const auto& v6 = reinterpret_cast<const sockaddr_in6&>(address);
  return IpAddress::from_bytes({reinterpret_cast<const char*>(&v6.sin6_addr), 16})->str();
}

Answer resolve(const std::string& name, Steady::time_point) {
  const auto found = look_up(name);
  // A server that cannot be asked is not one that says no.
  if (found.error != 0 && !no_such_name(found.error)) return {Unknown{UnknownReason::kFailed}, ::gai_strerror(found.error)};
  std::vector<std::string> out;
  for (const auto& [address, size] : found.addresses) {
    if (auto text = text_of(address); std::ranges::find(out, text) == out.end()) out.push_back(std::move(text));
  }
  std::ranges::sort(out);
  return {std::move(out), "resolver"};
}

/// A socket for echoes to that family: the kernel's own for pings, else a raw one, which needs a right.
struct EchoSocket {
  int fd = -1;
  bool raw = false;
};
EchoSocket open_echo(bool v6) {
  const int family = v6 ? AF_INET6 : AF_INET;
  const int protocol = v6 ? static_cast<int>(IPPROTO_ICMPV6) : static_cast<int>(IPPROTO_ICMP);
  EchoSocket out;
  out.fd = ::socket(family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol);
  if (out.fd >= 0) return out;
  out.raw = true;
  out.fd = ::socket(family, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol);
  return out;
}

Answer ping(const std::string& host, Steady::time_point end) {
  const auto found = look_up(host);
  if (no_such_name(found.error)) return {false, "no such name"};
  if (found.error != 0) return {Unknown{UnknownReason::kFailed}, ::gai_strerror(found.error)};
  if (found.addresses.empty()) return {false, "no such name"};
  const auto& [address, size] = found.addresses.front();
  const bool v6 = address.ss_family == AF_INET6;
  const auto echo = open_echo(v6);
  const Socket socket(echo.fd);
  if (socket.fd < 0) return {Unknown{errno == EACCES || errno == EPERM ? UnknownReason::kDenied : UnknownReason::kFailed}, "no right to ping"};
  if (::connect(socket.fd, reinterpret_cast<const sockaddr*>(&address), size) != 0) return {false, "no way there"};
  const auto id = static_cast<std::uint16_t>(::getpid());
  static std::atomic<std::uint16_t> sequences{0};
  const std::uint16_t sequence = ++sequences;
  std::array<std::uint8_t, 16> packet{};
  packet[0] = v6 ? static_cast<std::uint8_t>(ICMP6_ECHO_REQUEST) : static_cast<std::uint8_t>(ICMP_ECHO);
  packet[4] = static_cast<std::uint8_t>(id >> 8);
  packet[5] = static_cast<std::uint8_t>(id);
  packet[6] = static_cast<std::uint8_t>(sequence >> 8);
  packet[7] = static_cast<std::uint8_t>(sequence);
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i < packet.size(); i += 2) sum += static_cast<std::uint32_t>(packet[i]) << 8 | packet[i + 1];
  sum = (sum >> 16) + (sum & 0xffff);
  sum = ~(sum + (sum >> 16));
  packet[2] = static_cast<std::uint8_t>(sum >> 8);  // of ICMPv6 the kernel fills it in
  packet[3] = static_cast<std::uint8_t>(sum);
  auto again = Steady::now();
  while (Steady::now() < end) {
    if (Steady::now() >= again) {
      if (::send(socket.fd, packet.data(), packet.size(), 0) < 0 && (errno == ENETUNREACH || errno == EHOSTUNREACH))
        return {false, "no way there"};
      again = Steady::now() + kEchoAgain;
    }
    pollfd readable{socket.fd, POLLIN, 0};
    if (::poll(&readable, 1, std::min(left_until(end), left_until(again))) <= 0) continue;
    std::array<std::uint8_t, 512> reply;
    const auto n = ::recv(socket.fd, reply.data(), reply.size(), 0);
    if (n < 0 && (errno == ECONNREFUSED || errno == EHOSTUNREACH || errno == ENETUNREACH)) return {false, "no way there"};
    // A ping socket's id is the kernel's, which keeps others' echoes away.
    const auto datagram = ByteView(reply.data(), static_cast<std::size_t>(std::max<ssize_t>(n, 0)));
    if (is_echo(datagram, v6, echo.raw && !v6, echo.raw ? id : 0, sequence)) return {true, "icmp"};
  }
  return {false, "no echo"};
}

Answer plain_web(const WebAddress& web, Steady::time_point end) {
  const auto found = look_up(web.host);
  if (no_such_name(found.error)) return {false, "no such name"};
  if (found.error != 0) return {Unknown{UnknownReason::kFailed}, ::gai_strerror(found.error)};
  const std::string host = web.host.find(':') == web.host.npos ? web.host : "[" + web.host + "]";
  const std::string request = "GET " + web.path + " HTTP/1.1\r\nHost: " + host +
                              (web.port == 80 ? "" : ":" + std::to_string(web.port)) +
                              "\r\nUser-Agent: postern-agent\r\nConnection: close\r\n\r\n";
  for (auto [address, size] : found.addresses) {
    if (address.ss_family == AF_INET) reinterpret_cast<sockaddr_in&>(address).sin_port = htons(web.port);
    if (address.ss_family == AF_INET6) reinterpret_cast<sockaddr_in6&>(address).sin6_port = htons(web.port);
    const Socket socket(::socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (socket.fd < 0) continue;
    if (::connect(socket.fd, reinterpret_cast<const sockaddr*>(&address), size) != 0 && errno != EINPROGRESS) continue;
    pollfd ready{socket.fd, POLLOUT, 0};
    if (::poll(&ready, 1, left_until(end)) <= 0) continue;
    if (::send(socket.fd, request.data(), request.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(request.size())) continue;
    std::string text;
    while (text.size() < 16) {
      ready = {socket.fd, POLLIN, 0};
      if (::poll(&ready, 1, left_until(end)) <= 0) break;
      char buffer[256];
      const auto n = ::recv(socket.fd, buffer, sizeof buffer, 0);
      if (n <= 0) break;
      text.append(buffer, static_cast<std::size_t>(n));
    }
    if (is_http_answer(text)) return {true, "http"};
  }
  return {false, "no answer"};
}

Answer secure_web(const WebAddress& web, Steady::time_point end) {
  std::string roots;
  for (const auto* path : kRoots) {
    if (roots.empty()) roots = read_file(path, 16u << 20).value_or(std::string());
  }
  net::Loop loop;
  const std::chrono::milliseconds patience(std::max(left_until(end), 1));
  Answer out{false, "no answer"};
  bool answers = false;
  const auto pending = net::download(
      loop, web_question(web, std::move(roots), patience),
      [&](std::string_view) -> Status {
        answers = true;  // and what more there is doesn't matter
        return fail(ErrorCode::kResourceExhausted, "enough");
      },
      [&](Result<net::Downloaded> answer) {
        if (answer || answers) {
          out = {true, "https"};
        } else {
          out.source = answer.error().message;
        }
        loop.stop();
      });
  const auto limit = loop.after(std::chrono::milliseconds(left_until(end)), [&] { loop.stop(); });
  loop.run();
  return out;
}

Answer web(const std::string& url, Steady::time_point end) {
  const auto address = parse_web_address(url);
  if (!address) return {Unknown{UnknownReason::kUnsupported}, "no URL of http or https"};
  return address->tls ? secure_web(*address, end) : plain_web(*address, end);
}

struct Asked {
  std::string key, argument;
  Answer (*ask)(const std::string& argument, Steady::time_point end);
};

/// What the threads share with whoever waits for them: it may have gone on when the last of them ends.
struct Board {
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<Asked> asked;
  std::vector<std::optional<Answer>> answers;
  std::size_t next = 0, done = 0;
};

void work(const std::shared_ptr<Board>& board, Steady::time_point end) {
  std::unique_lock lock(board->mutex);
  while (board->next < board->asked.size() && Steady::now() < end) {
    const auto index = board->next++;
    const auto& one = board->asked[index];
    lock.unlock();
    auto answer = one.ask(one.argument, end);
    lock.lock();
    board->answers[index] = std::move(answer);
    ++board->done;
    board->changed.notify_all();
  }
}

void answer(const Question& question, Facts& facts) {
  if (facts.foreign()) {
    for (const auto& key : question.keys()) facts.unknown(key, UnknownReason::kUnsupported, kForeignRoot);
    return;
  }
  auto board = std::make_shared<Board>();
  const std::pair<std::string_view, Answer (*)(const std::string&, Steady::time_point)> kinds[] = {
      {keys::kResolves, resolve}, {keys::kPings, ping}, {keys::kWebAnswers, web}};
  for (const auto& [prefix, ask] : kinds) {
    for (auto& argument : question.arguments(prefix)) {
      auto key = keys::with(prefix, argument);
      board->asked.push_back({std::move(key), std::move(argument), ask});
    }
  }
  board->answers.resize(board->asked.size());
  const auto end = Steady::now() + kPatience;
  // On threads of their own: a resolver without servers holds whoever asks it for much longer than anybody waits here.
  for (std::size_t i = 0; i < board->asked.size() && loose_threads().load() < kMaxThreads; ++i) {
    ++loose_threads();
    std::thread([board, end] {
      work(board, end);
      --loose_threads();
    }).detach();
  }
  std::unique_lock lock(board->mutex);
  const auto last = end + std::chrono::milliseconds(200);
  while (board->done != board->asked.size() && Steady::now() < last && !waiting_is_over()) {
    board->changed.wait_for(lock, kStoppingNoticed);
  }
  for (std::size_t i = 0; i < board->asked.size(); ++i) {
    const auto& one = board->answers[i];
    if (!one) {
      facts.unknown(board->asked[i].key, UnknownReason::kFailed, "no answer within three seconds");
    } else if (const auto* unknown = std::get_if<Unknown>(&one->value)) {
      facts.unknown(board->asked[i].key, unknown->reason, one->source);
    } else {
      facts.know(board->asked[i].key, one->value, one->source);
    }
  }
}

Triggers triggers(const Question&, const Facts&) {
  return {.files = {"/etc/resolv.conf", "/etc/hosts"},
          .network = true,
          .interval = kLook,
          .why = "what others answer sends no event; a change of this machine's network is told at once"};
}

}  // namespace
}  // namespace reachability_family

net::Download web_question(const WebAddress& web, std::string roots_pem, std::chrono::milliseconds patience) {
  net::Download out;
  out.target.host = web.host;
  out.target.port = web.port;
  out.target.tls.roots_pem = std::move(roots_pem);
  out.target.tls.server_name = web.host;
  out.target.timeout = patience;
  out.path = web.path;
  out.headers.add("User-Agent", "postern-agent");
  out.limits.idle = out.limits.total = patience;
  return out;
}

std::optional<WebAddress> parse_web_address(std::string_view url) {
  WebAddress out;
  const auto scheme = url.find("://");
  if (scheme == url.npos) return std::nullopt;
  const auto name = to_lower(url.substr(0, scheme));
  if (name != "http" && name != "https") return std::nullopt;
  out.tls = name == "https";
  out.port = out.tls ? 443 : 80;
  url.remove_prefix(scheme + 3);
  if (!std::ranges::all_of(url, [](char c) { return c > ' ' && c < 0x7f; })) return std::nullopt;
  const auto end = std::min(url.find_first_of("/?#"), url.size());
  auto authority = url.substr(0, end);
  auto path = url.substr(end);
  path = path.substr(0, path.find('#'));
  if (!path.empty()) out.path = path.front() == '/' ? std::string(path) : "/" + std::string(path);
  if (authority.find('@') != authority.npos) return std::nullopt;
  std::string_view port;
  if (authority.starts_with('[')) {
    const auto close = authority.find(']');
    if (close == authority.npos) return std::nullopt;
    out.host = authority.substr(1, close - 1);
    port = authority.substr(close + 1);
    if (!port.empty() && port.front() != ':') return std::nullopt;
    if (!IpAddress::parse(out.host)) return std::nullopt;
  } else {
    const auto colon = std::min(authority.find(':'), authority.size());
    out.host = authority.substr(0, colon);
    port = authority.substr(colon);
  }
  if (out.host.empty()) return std::nullopt;
  if (port.empty()) return out;
  const auto number = parse_u64(port.substr(1));
  if (!number || *number == 0 || *number > 65535) return std::nullopt;
  out.port = static_cast<std::uint16_t>(*number);
  return out;
}

bool is_http_answer(std::string_view text) {
  const auto digit = [&](std::size_t at) { return text[at] >= '0' && text[at] <= '9'; };
  return text.size() >= 12 && text.starts_with("HTTP/1.") && digit(7) && text[8] == ' ' && digit(9) && digit(10) &&
         digit(11);
}

bool is_echo(ByteView datagram, bool v6, bool raw, std::uint16_t id, std::uint16_t sequence) {
  if (raw) {
    if (datagram.empty()) return false;
    const std::size_t header = static_cast<std::size_t>(datagram[0] & 0x0f) * 4;
    if (header < 20 || datagram.size() < header) return false;
    datagram = datagram.subspan(header);
  }
  if (datagram.size() < 8 || datagram[1] != 0) return false;
  const std::uint8_t reply = v6 ? static_cast<std::uint8_t>(ICMP6_ECHO_REPLY) : static_cast<std::uint8_t>(ICMP_ECHOREPLY);
  const auto word = [&](std::size_t at) { return static_cast<std::uint16_t>(datagram[at] << 8 | datagram[at + 1]); };
  return datagram[0] == reply && (id == 0 || word(4) == id) && word(6) == sequence;
}

namespace asked {
const AskedFamily& reachability() {
  namespace keys = posture::keys;
  static const AskedFamily kFamily{.name = "reachability",
                                   .keys = {keys::kResolves, keys::kPings, keys::kWebAnswers},
                                   .answer = reachability_family::answer,
                                   .triggers = reachability_family::triggers,
                                   .pause = std::chrono::milliseconds(100),
                                   .slow = true};
  return kFamily;
}
}  // namespace asked

}  // namespace postern::agent
