#pragma once
// What the firewall's tests share: three network namespaces of their own, client - gateway - server, and sockets in them.
#include "gateway/firewall/firewall.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <poll.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <functional>
#include <optional>
#include <thread>
#include <utility>

#include <fmt/format.h>

#include "gateway/firewall/conntrack.h"

namespace postern::gateway::firewall {

class PacketLab {
 public:
  ~PacketLab() {
    for (const char* part : {"c", "g", "s"}) run("ip netns del " + name(part) + " 2>/dev/null");
  }
  /// Empty, or why there is none.
  std::string build() {
    if (!run("ip netns add " + name("c") + " 2>/dev/null")) return "network namespaces can't be made here (EPERM?)";
    const std::string commands[] = {
        "ip netns add {g}", "ip netns add {s}",
        "ip -n {g} link add port1 type veth peer name eth0 netns {c}",
        "ip -n {g} link add port3 type veth peer name eth0 netns {s}",
        "ip -n {c} link set eth0 address 02:09:0f:00:01:02 up", "ip -n {s} link set eth0 up",
        "ip -n {g} link set port1 up", "ip -n {g} link set port3 up",
        "ip -n {c} address add 10.0.1.2/24 dev eth0", "ip -n {g} address add 10.0.1.1/24 dev port1",
        "ip -n {s} address add 10.0.3.10/24 dev eth0", "ip -n {g} address add 10.0.3.1/24 dev port3",
        "ip -n {c} route add default via 10.0.1.1", "ip -n {s} route add default via 10.0.3.1",
        "ip netns exec {g} sh -c 'echo 1 > /proc/sys/net/ipv4/ip_forward'"};
    for (const auto& c : commands) {
      const auto command = fmt::format(fmt::runtime(c), fmt::arg("c", name("c")), fmt::arg("g", name("g")),
                                       fmt::arg("s", name("s")));
      if (!run(command)) return "failed: " + command;
    }
    return {};
  }
  bool run(const std::string& command) const { return std::system(command.c_str()) == 0; }
  std::string name(std::string_view part) const { return fmt::format("postern-fw-{}-{}", getpid(), part); }
  /// On a thread inside the namespace; sockets made there stay there.
  void in(std::string_view part, const std::function<void()>& work) const {
    std::thread([&] {
      const int fd = open(("/run/netns/" + name(part)).c_str(), O_RDONLY | O_CLOEXEC);
      ASSERT_EQ(setns(fd, CLONE_NEWNET), 0);
      close(fd);
      work();
    }).join();
  }
};

class Socket {
 public:
  explicit Socket(int fd = -1) : fd_(fd) {}
  Socket(Socket&& o) noexcept : fd_(std::exchange(o.fd_, -1)) {}
  Socket& operator=(Socket&& o) noexcept {
    std::swap(fd_, o.fd_);
    return *this;
  }
  ~Socket() {
    if (fd_ >= 0) close(fd_);
  }
  int fd() const { return fd_; }
  bool ready(short events, std::chrono::milliseconds wait) const {
    pollfd p{fd_, events, 0};
    return poll(&p, 1, static_cast<int>(wait.count())) == 1 && (p.revents & events);
  }
  bool send(std::string_view text) const {
    return ::send(fd_, text.data(), text.size(), MSG_NOSIGNAL) == ssize_t(text.size());
  }
  /// Empty when nothing came.
  std::string receive(std::chrono::milliseconds wait) const {
    char buffer[256];
    if (!ready(POLLIN, wait)) return {};
    const auto n = recv(fd_, buffer, sizeof buffer, 0);
    return n > 0 ? std::string(buffer, static_cast<std::size_t>(n)) : std::string();
  }

 private:
  int fd_;
};

class FirewallLab : public testing::Test {
 protected:
  using Action = config::Action;
  static constexpr auto kSilence = std::chrono::milliseconds(250);  // nothing came for so long: nothing comes
  static constexpr auto kPatience = std::chrono::seconds(10);

  static sockaddr_in at(const char* ip, std::uint16_t port) {
    sockaddr_in a{};
    a.sin_family = AF_INET;
    a.sin_port = htons(port);
    inet_pton(AF_INET, ip, &a.sin_addr);
    return a;
  }

  void SetUp() override {
    if (const auto why = lab.build(); !why.empty()) {
      if (why.starts_with("failed")) FAIL() << why;
      GTEST_SKIP() << why;
    }
    lab.in("g", [&] {
      auto opened = Firewall::open("postern");
      ASSERT_TRUE(opened) << opened.error().message;
      wall = std::move(*opened);
      auto conntrack = Conntrack::open();
      ASSERT_TRUE(conntrack) << conntrack.error().message;
      tracked = std::move(*conntrack);
    });
    lab.in("s", [&] {
      listener = Socket(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
      const auto where = at("10.0.3.10", 8080);
      ASSERT_EQ(bind(listener.fd(), reinterpret_cast<const sockaddr*>(&where), sizeof where), 0);
      ASSERT_EQ(listen(listener.fd(), 16), 0);
    });
    endpoint.ip = *IpAddress::parse("10.0.1.2");
    endpoint.mac = *MacAddress::parse("02:09:0f:00:01:02");
    endpoint.interface = "port1";
  }
  /// Tries to connect; both ends, or nothing when no answer comes.
  std::optional<std::pair<Socket, Socket>> connect(std::chrono::milliseconds wait = kPatience) {
    Socket client;
    lab.in("c", [&] { client = Socket(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)); });
    const auto where = at("10.0.3.10", 8080);
    ::connect(client.fd(), reinterpret_cast<const sockaddr*>(&where), sizeof where);
    if (!client.ready(POLLOUT, wait)) return std::nullopt;
    int error = 0;
    socklen_t size = sizeof error;
    getsockopt(client.fd(), SOL_SOCKET, SO_ERROR, &error, &size);
    if (error != 0 || !listener.ready(POLLIN, kPatience)) return std::nullopt;
    Socket server(accept4(listener.fd(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    return std::pair(std::move(client), std::move(server));
  }
  bool passes() { return connect().has_value(); }
  bool blocked() { return !connect(kSilence).has_value(); }
  void apply() {
    do {
      const auto s = wall->apply();
      ASSERT_TRUE(s) << s.error().message;
    } while (wall->unfinished());
    if (const auto cleanup = wall->take_cleanup()) cleanup();
  }
  /// How many connections of the endpoint the kernel tracks; they are forgotten by this.
  std::size_t forget_all() {
    const auto n = tracked->forget({endpoint.ip}, [](const Flow&) { return false; });
    EXPECT_TRUE(n) << n.error().message;
    return n ? n->size() : 0;
  }
  void renew(unsigned seconds) {
    const auto s = wall->renew(seconds);
    ASSERT_TRUE(s) << s.error().message;
  }
  static Policy policy(int id, Action action, std::vector<std::string> tags) {
    Policy p;
    p.id = id;
    p.from = {"port1"};
    p.to = {"port3"};
    p.action = action;
    p.condition.tags = std::move(tags);
    return p;
  }
  void endpoint_has(std::set<std::string> tags, std::set<std::string> known = {}) {
    endpoint.known = std::move(known);
    endpoint.known.insert(tags.begin(), tags.end());
    endpoint.tags = std::move(tags);
    wall->model().upsert(endpoint);
    apply();
  }

  PacketLab lab;
  std::unique_ptr<Firewall> wall;
  std::unique_ptr<Conntrack> tracked;
  Socket listener;
  AddressEntry endpoint;
};

}  // namespace postern::gateway::firewall
