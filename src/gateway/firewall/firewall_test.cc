// The firewall in a real kernel: three network namespaces of our own, client - gateway - server.
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
namespace {

using config::Action;
using Clock = std::chrono::steady_clock;

constexpr auto kSilence = std::chrono::milliseconds(250);  // nothing came for so long: nothing comes
constexpr auto kPatience = std::chrono::seconds(10);

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

sockaddr_in at(const char* ip, std::uint16_t port) {
  sockaddr_in a{};
  a.sin_family = AF_INET;
  a.sin_port = htons(port);
  inet_pton(AF_INET, ip, &a.sin_addr);
  return a;
}

class FirewallTest : public testing::Test {
 protected:
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
    const auto s = wall->apply();
    ASSERT_TRUE(s) << s.error().message;
    if (const auto cleanup = wall->take_cleanup()) cleanup();
  }
  /// How many connections of the endpoint the kernel tracks; they are forgotten by this.
  std::size_t forget_all() {
    const auto n = tracked->forget({endpoint.ip}, [](const Flow&) { return false; });
    EXPECT_TRUE(n) << n.error().message;
    return n ? *n : 0;
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

TEST_F(FirewallTest, ATagOpensLosingItCutsWhatIsOpen) {
  EXPECT_TRUE(blocked());  // from the moment of opening
  wall->model().set_policies({policy(1, Action::kAccept, {"EMS1_ZTNA_T"})});
  apply();
  renew(60);
  EXPECT_TRUE(blocked());
  endpoint_has({"EMS1_ZTNA_T"});
  auto open = connect();
  ASSERT_TRUE(open);
  auto& [client, server] = *open;
  ASSERT_TRUE(client.send("up"));
  EXPECT_EQ(server.receive(kPatience), "up");
  ASSERT_TRUE(server.send("down"));
  EXPECT_EQ(client.receive(kPatience), "down");

  endpoint_has({}, {"EMS1_ZTNA_T"});
  ASSERT_TRUE(server.send("late"));
  ASSERT_TRUE(client.send("late"));
  EXPECT_EQ(client.receive(kSilence), "");
  EXPECT_EQ(server.receive(kSilence), "");
  EXPECT_TRUE(blocked());
  EXPECT_EQ(forget_all(), 0u);  // forgotten already

  endpoint_has({"EMS1_ZTNA_T"});
  EXPECT_TRUE(passes());
  EXPECT_GE(forget_all(), 1u);
  wall->model().remove(endpoint.ip);
  apply();
  EXPECT_TRUE(blocked());
}

TEST_F(FirewallTest, APolicyForEchoRequestsLetsNoOtherMessageThrough) {
  const auto ping = [&](const std::string& how) {
    int status = -1;
    lab.in("c", [&] { status = std::system(("ping -q -c1 -W1 " + how + " 10.0.3.10 >/dev/null 2>&1").c_str()); });
    return status == 0;
  };
  Policy echo = policy(1, Action::kAccept, {});
  using Protocol = config::ServiceConfig::Protocol;
  const auto serve = [&](Protocol protocol, std::optional<std::uint8_t> type) {
    echo.services = {{protocol, {}, {}, type}};
    wall->model().set_policies({echo});
    apply();
    forget_all();
    return ping("");
  };
  EXPECT_TRUE(serve(Protocol::kIcmp, 8));
  EXPECT_FALSE(serve(Protocol::kIcmp, 13)) << "timestamps";
  EXPECT_TRUE(serve(Protocol::kIcmp, std::nullopt));
  EXPECT_FALSE(serve(Protocol::kIcmp6, std::nullopt));
  EXPECT_FALSE(serve(Protocol::kIcmp6, 128));
}

// Without them nobody finds out how large packets may be, and what is not there looks like what does not answer.
TEST_F(FirewallTest, ErrorMessagesReachWhomTheyAreForInBothDirections) {
  using Protocol = config::ServiceConfig::Protocol;
  const auto udp = [&](const char* part, const char* own, const char* peer, std::uint16_t peer_port) {
    Socket made;
    lab.in(part, [&] {
      made = Socket(socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
      const auto here = at(own, 5555), there = at(peer, peer_port);
      ASSERT_EQ(bind(made.fd(), reinterpret_cast<const sockaddr*>(&here), sizeof here), 0);
      ASSERT_EQ(::connect(made.fd(), reinterpret_cast<const sockaddr*>(&there), sizeof there), 0);
    });
    return made;
  };
  const auto refused = [](const Socket& s) {
    if (!s.ready(POLLERR, kPatience / 10)) return false;
    int error = 0;
    socklen_t size = sizeof error;
    getsockopt(s.fd(), SOL_SOCKET, SO_ERROR, &error, &size);
    return error == ECONNREFUSED;
  };
  const auto towards_client = [&] {
    forget_all();
    const auto client = udp("c", "10.0.1.2", "10.0.3.10", 5556);  // nobody is there
    return client.send("x") && refused(client);
  };
  const auto towards_server = [&] {
    forget_all();
    const auto server = udp("s", "10.0.3.10", "10.0.1.2", 5555);
    {
      const auto client = udp("c", "10.0.1.2", "10.0.3.10", 5555);
      if (!client.send("x") || server.receive(kPatience) != "x") return false;
    }
    return server.send("x") && refused(server);
  };
  Policy telnet = policy(1, Action::kDeny, {}), allow = policy(2, Action::kAccept, {});
  telnet.services = {{Protocol::kTcpUdp, {{23, 23}}, {}, {}}};
  allow.services = {{Protocol::kTcpUdp, {}, {{5555, 5556}}, {}}};
  allow.sources = {{*IpAddress::parse("10.0.1.0"), *IpAddress::parse("10.0.1.255")}};
  apply();
  renew(60);
  for (const bool tagged : {false, true}) {
    allow.condition.tags = tagged ? std::vector<std::string>{"EMS1_ZTNA_T"} : std::vector<std::string>{};
    wall->model().set_policies({telnet, allow});
    endpoint_has({"EMS1_ZTNA_T"});
    EXPECT_TRUE(towards_client()) << tagged;
    EXPECT_TRUE(towards_server()) << tagged;
  }
  wall->model().set_policies({policy(1, Action::kDeny, {}), allow});
  apply();
  EXPECT_FALSE(towards_client());
}

TEST_F(FirewallTest, WithoutALeaseNothingThatDependsOnATagPasses) {
  Policy open = policy(2, Action::kAccept, {});
  open.services = {{config::ServiceConfig::Protocol::kTcpUdp, {{9999, 9999}}, {}}};
  wall->model().set_policies({policy(1, Action::kAccept, {"EMS1_ZTNA_T"}), open});
  endpoint_has({"EMS1_ZTNA_T"});
  EXPECT_TRUE(blocked());
  renew(1);
  auto held = connect();
  ASSERT_TRUE(held);
  // Wait until the lease has run out: then no byte passes.
  const auto deadline = Clock::now() + kPatience;
  bool silent = false;
  while (!silent && Clock::now() < deadline) {
    ASSERT_TRUE(held->second.send("x"));
    silent = held->first.receive(kSilence).empty();
  }
  EXPECT_TRUE(silent);
  EXPECT_TRUE(blocked());
  renew(60);
  renew(60);  // again and again, as the loop does
  EXPECT_TRUE(passes());
}

TEST_F(FirewallTest, APolicyWithoutATagNeedsNoLease) {
  Policy open = policy(1, Action::kAccept, {});
  open.sources = {{*IpAddress::parse("10.0.1.0"), *IpAddress::parse("10.0.1.255")}};
  open.destinations = {{*IpAddress::parse("10.0.3.10"), *IpAddress::parse("10.0.3.10")}};
  open.services = {{config::ServiceConfig::Protocol::kTcpUdp, {{8080, 8080}}, {}}};
  wall->model().set_policies({open});
  apply();
  auto held = connect();
  ASSERT_TRUE(held);
  ASSERT_TRUE(held->second.send("answer"));
  EXPECT_EQ(held->first.receive(kPatience), "answer");
  open.services[0].tcp = {{8081, 8090}};
  wall->model().set_policies({open});
  apply();
  EXPECT_TRUE(blocked());
  ASSERT_TRUE(held->second.send("late"));
  EXPECT_EQ(held->first.receive(kSilence), "");
}

TEST_F(FirewallTest, LosingATagLeavesWhatNeedsNoneAlone) {
  Policy open = policy(2, Action::kAccept, {});
  open.services = {{config::ServiceConfig::Protocol::kTcpUdp, {{8080, 8080}}, {}}};
  wall->model().set_policies({policy(1, Action::kAccept, {"EMS1_ZTNA_T"}), open});
  endpoint_has({"EMS1_ZTNA_T"});
  renew(60);
  auto held = connect();
  ASSERT_TRUE(held);
  endpoint_has({}, {"EMS1_ZTNA_T"});
  // The server speaks first: it may, only because the connection is still tracked as the client's.
  ASSERT_TRUE(held->second.send("pushed"));
  EXPECT_EQ(held->first.receive(kPatience), "pushed");
}

TEST_F(FirewallTest, DenyByATagStopsTheUnknownToo) {
  wall->model().set_policies({policy(1, Action::kDeny, {"EMS1_ZTNA_V"}), policy(2, Action::kAccept, {})});
  apply();
  renew(60);
  EXPECT_TRUE(blocked());  // no record: unknown for every tag
  endpoint_has({}, {"EMS1_ZTNA_V"});
  EXPECT_TRUE(passes());
  endpoint_has({});
  EXPECT_TRUE(blocked());  // unknown again
  endpoint_has({"EMS1_ZTNA_V"});
  EXPECT_TRUE(blocked());
  endpoint_has({}, {"EMS1_ZTNA_V"});
  EXPECT_TRUE(passes());
  // Other policies, on the table as it stands: chains and sets go and come.
  wall->model().set_policies({policy(3, Action::kAccept, {"EMS1_ZTNA_W", "EMS1_ZTNA_a b"})});
  apply();
  EXPECT_TRUE(blocked());
  endpoint_has({"EMS1_ZTNA_a b"});
  EXPECT_TRUE(passes());
  wall->model().set_policies(
      {policy(1, Action::kDeny, {"EMS1_ZTNA_a b"}), policy(3, Action::kAccept, {"EMS1_ZTNA_a b"})});
  apply();
  EXPECT_TRUE(blocked());
}

TEST_F(FirewallTest, AnotherMachineWithTheAddressGetsNothing) {
  wall->model().set_policies({policy(1, Action::kAccept, {"EMS1_ZTNA_T"})});
  endpoint_has({"EMS1_ZTNA_T"});
  renew(60);
  EXPECT_TRUE(passes());
  ASSERT_TRUE(lab.run("ip -n " + lab.name("c") + " link set eth0 address 02:09:0f:00:01:99"));
  EXPECT_TRUE(blocked());
  ASSERT_TRUE(lab.run("ip -n " + lab.name("c") + " link set eth0 address 02:09:0f:00:01:02"));
  EXPECT_TRUE(passes());
}

TEST_F(FirewallTest, NobodySendsInAnothersNameNotEvenWhatNeedsNoTag) {
  Policy open = policy(1, Action::kAccept, {});
  open.sources = {{endpoint.ip, endpoint.ip}};
  wall->model().set_policies({open});
  apply();
  const auto set_mac = [&](const char* mac) {
    ASSERT_TRUE(lab.run("ip -n " + lab.name("c") + " link set eth0 address " + mac));
    // The gateway's kernel believes whoever has the address, and the card's link comes up anew.
    ASSERT_TRUE(lab.run("ip -n " + lab.name("g") + " neigh replace 10.0.1.2 dev port1 nud permanent lladdr " + mac));
  };
  EXPECT_TRUE(passes());
  set_mac("02:09:0f:00:01:99");
  EXPECT_TRUE(passes());  // nobody has the address by right: all that counts is the policy
  endpoint_has({});
  EXPECT_TRUE(blocked());
  endpoint.mac = *MacAddress::parse("02:09:0f:00:01:99");
  endpoint_has({});
  EXPECT_TRUE(passes());
  endpoint.interface = "port2";  // it came by another way
  endpoint_has({});
  EXPECT_TRUE(blocked());
  wall->model().remove(endpoint.ip);
  apply();
  EXPECT_TRUE(passes());
}

TEST_F(FirewallTest, PacketsInAnothersNameDoNotReachItsTrackedConnection) {
  wall->model().set_policies({policy(1, Action::kAccept, {"EMS1_ZTNA_T"})});
  endpoint_has({"EMS1_ZTNA_T"});
  renew(60);
  auto held = connect();
  ASSERT_TRUE(held);
  const auto open = "ip netns exec " + lab.name("g") + " conntrack -L -p tcp 2>/dev/null | grep -q ESTABLISHED";
  EXPECT_TRUE(lab.run(open));
  // The client's own end, but from another card: as if somebody else had guessed the numbers.
  ASSERT_TRUE(lab.run("ip -n " + lab.name("c") + " link set eth0 address 02:09:0f:00:01:99"));
  ASSERT_EQ(shutdown(held->first.fd(), SHUT_WR), 0);
  EXPECT_FALSE(held->second.ready(POLLIN, kSilence));
  EXPECT_TRUE(lab.run(open));
}

TEST_F(FirewallTest, ARestartedGatewayTakesTheTableOver) {
  wall->model().set_policies({policy(1, Action::kAccept, {"EMS1_ZTNA_T"})});
  endpoint_has({"EMS1_ZTNA_T"});
  renew(60);
  auto held = connect();
  ASSERT_TRUE(held);
  wall.reset();
  lab.in("g", [&] {
    auto again = Firewall::open("postern");
    ASSERT_TRUE(again) << again.error().message;
    wall = std::move(*again);
  });
  ASSERT_TRUE(held->second.send("still"));
  EXPECT_EQ(held->first.receive(kPatience), "still");
  wall->model().set_policies({policy(1, Action::kAccept, {"EMS1_ZTNA_T"})});
  endpoint_has({"EMS1_ZTNA_T"});
  EXPECT_TRUE(blocked());  // the new table has no lease yet
  renew(60);
  EXPECT_TRUE(passes());
}

// Without the table everything would be forwarded: a stop, an upgrade or a reboot must open nothing.
TEST_F(FirewallTest, ADeliberateEndClosesWhatDependsOnATagAndOpensNothing) {
  Policy open = policy(2, Action::kAccept, {});
  open.services = {{config::ServiceConfig::Protocol::kTcpUdp, {{8080, 8080}}, {}, {}}};
  wall->model().set_policies({policy(1, Action::kAccept, {"EMS1_ZTNA_T"})});
  endpoint_has({"EMS1_ZTNA_T"});
  renew(60);
  EXPECT_TRUE(passes());
  ASSERT_TRUE(wall->end_lease());
  EXPECT_TRUE(blocked());
  wall.reset();
  EXPECT_TRUE(blocked());
  lab.in("g", [&] {
    auto again = Firewall::open("postern");
    ASSERT_TRUE(again) << again.error().message;
    wall = std::move(*again);
  });
  wall->model().set_policies({open});
  apply();
  ASSERT_TRUE(wall->end_lease());
  wall.reset();
  EXPECT_TRUE(passes()) << "what asks for no tag goes on, as it does when the gateway is killed";
}

TEST_F(FirewallTest, ATableThatSomebodyDeletedIsBuiltAnewWhenItsLeaseCannotBeRenewed) {
  wall->model().set_policies({policy(1, Action::kAccept, {"EMS1_ZTNA_T"})});
  apply();
  renew(60);
  EXPECT_TRUE(blocked());
  ASSERT_TRUE(lab.run("ip netns exec " + lab.name("g") + " nft delete table inet postern"));
  EXPECT_FALSE(wall->renew(60));
  apply();  // nobody changed anything
  EXPECT_TRUE(blocked());
  endpoint_has({"EMS1_ZTNA_T"});
  EXPECT_TRUE(passes());
}

TEST_F(FirewallTest, ATableThatSomebodyBrokeIsBuiltAnew) {
  wall->model().set_policies({policy(1, Action::kAccept, {"EMS1_ZTNA_T"})});
  endpoint_has({"EMS1_ZTNA_T"});
  renew(60);
  ASSERT_TRUE(lab.run("ip netns exec " + lab.name("g") + " nft delete table inet postern"));
  auto other = endpoint;
  other.ip = *IpAddress::parse("10.0.1.77");
  wall->model().upsert(other);
  apply();  // the delta is refused, the table comes back whole, with what is left of the lease
  EXPECT_TRUE(passes());
}

}  // namespace
}  // namespace postern::gateway::firewall
