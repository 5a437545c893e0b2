// The firewall in a real kernel.
#include "gateway/firewall/firewall_lab.h"

namespace postern::gateway::firewall {
namespace {

class FirewallTest : public FirewallLab {};

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

TEST_F(FirewallTest, AConnectionThatHadEndedByItselfIsForgottenAndNotToldAsCut) {
  wall->model().set_policies({policy(1, Action::kAccept, {"EMS1_ZTNA_T"})});
  apply();
  renew(60);
  endpoint_has({"EMS1_ZTNA_T"});
  auto open = connect();
  ASSERT_TRUE(open);
  {
    auto closed = connect();
    ASSERT_TRUE(closed);
  }
  const auto over = [&] {
    int n = 0;
    (void)tracked->forget({endpoint.ip}, [&](const Flow& flow) {
      n += flow.over ? 1 : 0;
      return true;
    });
    return n;
  };
  const auto end = std::chrono::steady_clock::now() + kPatience;
  while (over() < 1 && std::chrono::steady_clock::now() < end) std::this_thread::yield();
  ASSERT_EQ(over(), 1);

  endpoint.tags.clear();
  wall->model().upsert(endpoint);
  ASSERT_TRUE(wall->apply());
  const auto cleanup = wall->take_cleanup();
  ASSERT_TRUE(cleanup);
  const auto cuts = cleanup().cuts;
  ASSERT_EQ(cuts.size(), 1u);
  EXPECT_FALSE(cuts[0].flow.over);
  EXPECT_EQ(forget_all(), 0u);
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
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  bool silent = false;
  while (!silent && std::chrono::steady_clock::now() < deadline) {
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

/// The client behind a bridge of the gateway's.
class FirewallBridgeTest : public FirewallLab {
 protected:
  void SetUp() override {
    FirewallLab::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    for (const char* c : {"link add br0 type bridge", "link set br0 up", "address del 10.0.1.1/24 dev port1",
                          "link set port1 master br0", "address add 10.0.1.1/24 dev br0"}) {
      ASSERT_TRUE(lab.run("ip -n " + lab.name("g") + " " + c)) << c;
    }
    ASSERT_TRUE(lab.run("ip -n " + lab.name("c") + " neigh flush dev eth0"));
    endpoint.interface = "br0";
  }
  static Policy on_bridge(int id, Action action, std::vector<std::string> tags) {
    Policy p = policy(id, action, std::move(tags));
    p.from = {"br0"};
    return p;
  }
  void client_speaks_as(const char* mac, const std::string& ip) {
    const std::string c = "ip -n " + lab.name("c") + " ";
    ASSERT_TRUE(lab.run(c + "link set eth0 address " + mac));
    ASSERT_TRUE(lab.run(c + "address replace " + ip + "/24 dev eth0"));
    ASSERT_TRUE(lab.run(c + "route replace default via 10.0.1.1 src " + ip));
    ASSERT_TRUE(lab.run("ip -n " + lab.name("g") + " neigh replace " + ip + " dev br0 nud permanent lladdr " + mac));
  }
  static constexpr const char* kOwn = "02:09:0f:00:01:02";
  static constexpr const char* kOther = "02:09:0f:00:01:99";
};

TEST_F(FirewallBridgeTest, OnlyBothAddressesTogetherLetIn) {
  wall->model().set_policies({on_bridge(1, Action::kAccept, {"EMS1_ZTNA_T"})});
  endpoint_has({"EMS1_ZTNA_T"});
  renew(60);
  client_speaks_as(kOwn, "10.0.1.2");
  EXPECT_TRUE(passes());
  client_speaks_as(kOther, "10.0.1.2");
  EXPECT_TRUE(blocked()) << "its address, another card";
  client_speaks_as(kOwn, "10.0.1.51");
  EXPECT_TRUE(blocked()) << "its card, an address that nobody confirmed";
  auto moved = endpoint;
  moved.ip = *IpAddress::parse("10.0.1.51");
  wall->model().upsert(moved);
  apply();
  EXPECT_TRUE(passes());
}

TEST_F(FirewallBridgeTest, ARefusalFollowsTheCard) {
  for (const auto logic : {config::MatchLogic::kAny, config::MatchLogic::kAll}) {
    auto deny = on_bridge(1, Action::kDeny, {"EMS1_ZTNA_T"});
    deny.condition.logic = logic;
    wall->model().set_policies({deny, on_bridge(2, Action::kAccept, {})});
    endpoint_has({"EMS1_ZTNA_T"});
    AddressEntry behind_a_router;
    behind_a_router.ip = *IpAddress::parse("10.0.1.50");
    behind_a_router.known = {"EMS1_ZTNA_T"};
    wall->model().upsert(behind_a_router);
    apply();
    renew(60);
    client_speaks_as(kOther, "10.0.1.50");
    EXPECT_TRUE(passes()) << "a router's card";
    client_speaks_as(kOwn, "10.0.1.50");
    EXPECT_TRUE(blocked()) << "whoever has the tag takes another's address";
    endpoint_has({}, {"EMS1_ZTNA_T"});
    EXPECT_TRUE(passes());
  }
}

}  // namespace
}  // namespace postern::gateway::firewall
