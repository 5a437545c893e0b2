#include "gateway/health/prober.h"

#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include <fmt/format.h>

#include "base/result.h"
#include "gateway/health/answers.h"
#include "net/client.h"

namespace postern::gateway::health {
namespace {

using Outcome = Finding::Outcome;

struct Address {
  sockaddr_storage storage{};
  socklen_t length = 0;
  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
};

Address socket_address(const IpAddress& ip, std::uint16_t port) {
  Address out;
  const auto& bytes = ip.bytes();
  if (ip.is_v6()) {
    auto& in6 = reinterpret_cast<sockaddr_in6&>(out.storage);
    in6.sin6_family = AF_INET6;
    in6.sin6_port = htons(port);
    std::memcpy(&in6.sin6_addr, bytes.data(), 16);
    out.length = sizeof in6;
  } else {
    auto& in = reinterpret_cast<sockaddr_in&>(out.storage);
    in.sin_family = AF_INET;
    in.sin_port = htons(port);
    std::memcpy(&in.sin_addr, bytes.data(), 4);
    out.length = sizeof in;
  }
  return out;
}

std::string text_of_errno(int error) {
  std::string out = errno_text(error);
  if (!out.empty() && out[0] >= 'A' && out[0] <= 'Z') out[0] = static_cast<char>(out[0] - 'A' + 'a');
  return out;
}

std::string host_of(const Check& check) {
  if (!check.host.empty()) return check.host;
  return check.address.is_v6() ? fmt::format("[{}]", check.address.str()) : check.address.str();
}

/// Of this machine, not of the server.
bool is_ours(int error) {
  return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM || error == EACCES || error == EPERM;
}

Finding by_status(int status) {
  if (status < 200) return {Outcome::kIll, fmt::format("HTTP {}, which is no answer yet", status)};
  if (status < 500) return {Outcome::kWell, fmt::format("HTTP {}", status)};
  return {Outcome::kIll, fmt::format("HTTP {}", status)};
}

}  // namespace

struct Prober::Probe {
  std::uint64_t id = 0;
  Check check;
  Done done;
  int fd = -1;
  bool raw = false;          // a raw socket, for want of one for pings
  bool connected = false;
  std::uint64_t payload = 0;
  std::string text;          // to send, then received
  std::chrono::milliseconds timeout{};
  net::Handle timer, request;

  ~Probe() {
    if (fd >= 0) ::close(fd);
  }
};

Prober::Prober(net::Loop& loop, Random& random) : loop_(loop), random_(random), epoll_(epoll_create1(EPOLL_CLOEXEC)) {
  if (epoll_ >= 0) readable_ = loop_.watch_readable(epoll_, [this] { on_events(); });
}

Prober::~Prober() {
  probes_.clear();
  readable_.cancel();
  if (epoll_ >= 0) ::close(epoll_);
}

void Prober::ask(const Check& check, std::chrono::milliseconds timeout, Done done) {
  const auto id = next_++;
  auto& probe = *(probes_[id] = std::make_unique<Probe>());
  probe.id = id;
  probe.check = check;
  probe.done = std::move(done);
  probe.timeout = timeout;
  probe.timer = loop_.after(timeout, [this, id] {
    finish(id, Outcome::kIll, probes_[id]->connected && probes_[id]->check.protocol != Protocol::kPing
                                  ? "no answer in time: it connects and then says nothing"
                                  : "no answer in time");
  });
  if (epoll_ < 0) return finish(id, Outcome::kCannotTell, "this machine has no room for another socket");
  if (check.protocol == Protocol::kPing) return ping(id);
  if (check.protocol == Protocol::kNone) return finish(id, Outcome::kCannotTell, "it isn't checked");
  if (check.tls) return ask_over_tls(id);
  connect(id);
}

void Prober::ask_over_tls(std::uint64_t id) {
  auto& probe = *probes_[id];
  net::Target target;
  target.host = probe.check.address.str();
  target.port = probe.check.port;
  target.timeout = probe.timeout;
  const auto host = host_of(probe.check);
  const auto colon = probe.check.host.find(':');
  target.tls.server_name = probe.check.host.empty() ? probe.check.address.str() : probe.check.host.substr(0, colon);
  target.tls.check_name = false;
  target.tls.accept_peer = [](const net::PeerIdentity&) { return true; };
  if (probe.check.protocol == Protocol::kTcpConnect) {
    probe.request = net::probe_certificate(loop_, std::move(target), [this, id](Result<net::PeerIdentity> answer) {
      // Not from within what the handle owns.
      loop_.post([this, id, text = answer ? std::string("TLS handshake done") : answer.error().message, well = answer.has_value()] {
        finish(id, well ? Outcome::kWell : Outcome::kIll, text);
      });
    });
    return;
  }
  net::HttpRequest request;
  request.method = "GET";
  request.path = "/";
  request.headers.set("Host", host);
  probe.request = net::http_request(
      loop_, std::move(target), std::move(request),
      [this, id](Result<net::HttpResponse> answer) {
        Finding finding{Outcome::kIll, answer ? "" : answer.error().message};
        if (answer) finding = by_status(answer->status);
        // More than is read here of an answer: it is one.
        if (!answer && answer.error().code == ErrorCode::kResourceExhausted) finding = {Outcome::kWell, "a long answer"};
        loop_.post([this, id, finding = std::move(finding)]() mutable { finish(id, std::move(finding)); });
      },
      256u << 10);
}

void Prober::watch(const Probe& probe, std::uint32_t events, int operation) {
  epoll_event event{};
  event.events = events;
  event.data.u64 = probe.id;
  if (epoll_ctl(epoll_, operation, probe.fd, &event) == 0) return;
  finish(probe.id, Outcome::kCannotTell, "this machine can't wait for another socket: " + text_of_errno(errno));
}

void Prober::connect(std::uint64_t id) {
  auto& probe = *probes_[id];
  probe.fd = ::socket(probe.check.address.is_v6() ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (probe.fd < 0) return finish(id, Outcome::kCannotTell, "this machine has no room for another socket: " + text_of_errno(errno));
  const auto to = socket_address(probe.check.address, probe.check.port);
  if (::connect(probe.fd, to.get(), to.length) != 0 && errno != EINPROGRESS) {
    const int error = errno;
    return finish(id, is_ours(error) ? Outcome::kCannotTell : Outcome::kIll, text_of_errno(error));
  }
  watch(probe, EPOLLOUT, EPOLL_CTL_ADD);
}

void Prober::ping(std::uint64_t id) {
  auto& probe = *probes_[id];
  const bool v6 = probe.check.address.is_v6();
  const int family = v6 ? AF_INET6 : AF_INET, protocol = v6 ? static_cast<int>(IPPROTO_ICMPV6) : static_cast<int>(IPPROTO_ICMP);
  probe.fd = ::socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol);
  if (probe.fd < 0) {
    probe.raw = true;
    probe.fd = ::socket(family, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol);
  }
  if (probe.fd < 0) {
    return finish(id, Outcome::kCannotTell,
                  fmt::format("this machine doesn't let the gateway ping ({}): give it CAP_NET_RAW or its group a place in "
                              "net.ipv4.ping_group_range, or set health-check-proto tcp-connect",
                              text_of_errno(errno)));
  }
  const auto to = socket_address(probe.check.address, 0);
  std::array<std::uint8_t, 8> some{};
  random_.fill(some);
  std::memcpy(&probe.payload, some.data(), sizeof probe.payload);
  const auto packet = echo_request(v6, static_cast<std::uint16_t>(probe.payload), static_cast<std::uint16_t>(id), probe.payload);
  if (::connect(probe.fd, to.get(), to.length) != 0 || ::send(probe.fd, packet.data(), packet.size(), MSG_NOSIGNAL) < 0) {
    const int error = errno;
    return finish(id, is_ours(error) ? Outcome::kCannotTell : Outcome::kIll, text_of_errno(error));
  }
  probe.connected = true;
  watch(probe, EPOLLIN, EPOLL_CTL_ADD);
}

void Prober::on_events() {
  epoll_event events[64];
  const int n = epoll_wait(epoll_, events, 64, 0);
  for (int i = 0; i < n; ++i) {
    const auto id = events[i].data.u64;
    const auto it = probes_.find(id);
    if (it == probes_.end()) continue;
    if (it->second->connected) {
      on_readable(id);
    } else {
      on_connected(id);
    }
  }
}

void Prober::on_connected(std::uint64_t id) {
  auto& probe = *probes_[id];
  int error = 0;
  socklen_t length = sizeof error;
  if (getsockopt(probe.fd, SOL_SOCKET, SO_ERROR, &error, &length) != 0) error = errno;
  if (error != 0) return finish(id, is_ours(error) ? Outcome::kCannotTell : Outcome::kIll, text_of_errno(error));
  if (probe.check.protocol == Protocol::kTcpConnect) return finish(id, Outcome::kWell, "it takes connections");
  probe.connected = true;
  const auto request = fmt::format("GET / HTTP/1.1\r\nHost: {}\r\nUser-Agent: postern-health\r\nConnection: close\r\n\r\n",
                                   host_of(probe.check));
  // Small enough for an empty socket.
  if (::send(probe.fd, request.data(), request.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(request.size()))
    return finish(id, Outcome::kIll, "the connection broke at once");
  watch(probe, EPOLLIN, EPOLL_CTL_MOD);
}

void Prober::on_readable(std::uint64_t id) {
  auto& probe = *probes_[id];
  char buffer[kMaxAnswer];
  const auto n = ::recv(probe.fd, buffer, sizeof buffer, 0);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (n < 0) return finish(id, Outcome::kIll, text_of_errno(errno));
  const std::string_view got(buffer, static_cast<std::size_t>(n));
  if (probe.check.protocol == Protocol::kPing) {
    const bool v6 = probe.check.address.is_v6();
    if (is_echo_reply(as_bytes(got), v6, probe.raw && !v6, static_cast<std::uint16_t>(id), probe.payload))
      finish(id, Outcome::kWell, "it answers pings");
    return;
  }
  probe.text += got.substr(0, kMaxAnswer - probe.text.size());
  if (const auto status = http_status(probe.text)) return finish(id, by_status(*status));
  if (n == 0 || probe.text.size() >= 13) finish(id, Outcome::kIll, n == 0 ? "it hung up without an answer" : "what it says is no HTTP");
}

void Prober::finish(std::uint64_t id, Outcome outcome, std::string why) { finish(id, {outcome, std::move(why)}); }

void Prober::finish(std::uint64_t id, Finding finding) {
  const auto it = probes_.find(id);
  if (it == probes_.end()) return;
  auto probe = std::move(it->second);
  probes_.erase(it);
  // Whoever asks may ask the next thing at once.
  loop_.post([done = std::move(probe->done), finding = std::move(finding)]() mutable { done(std::move(finding)); });
}

}  // namespace postern::gateway::health
