// The table outlives the gateway, and is built anew where somebody broke it.
#include "gateway/firewall/firewall_lab.h"

namespace postern::gateway::firewall {
namespace {

class FirewallLifeTest : public FirewallLab {};

TEST_F(FirewallLifeTest, ARestartedGatewayTakesTheTableOver) {
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
TEST_F(FirewallLifeTest, ADeliberateEndClosesWhatDependsOnATagAndOpensNothing) {
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

TEST_F(FirewallLifeTest, ATableThatSomebodyDeletedIsBuiltAnewWhenItsLeaseCannotBeRenewed) {
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

TEST_F(FirewallLifeTest, ATableThatSomebodyBrokeIsBuiltAnew) {
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

/// What a person or another program may do to the table, and whether it is noticed and mended.
class FirewallMendTest : public FirewallLab {
 protected:
  void nft(const std::string& command) {
    ASSERT_TRUE(lab.run("ip netns exec " + lab.name("g") + " nft '" + command + "'")) << command;
  }
  void expect_mended(const std::string& command) {
    SCOPED_TRACE(command);
    nft(command);
    if (HasFatalFailure()) return;
    ASSERT_TRUE(wall->changed_elsewhere());
    EXPECT_EQ(look(), Firewall::Inspected::kChanged);
    apply();
    EXPECT_FALSE(wall->changed_elsewhere());
    EXPECT_TRUE(passes());
    wall->model().remove(endpoint.ip);
    apply();
    EXPECT_TRUE(blocked());
    wall->model().upsert(endpoint);
    apply();
    EXPECT_FALSE(wall->changed_elsewhere()) << "our own change";
  }
  Firewall::Inspected look() {
    // As the running gateway does: on another thread of the same namespace.
    std::function<void()> inspection;
    lab.in("g", [&] {
      inspection = wall->take_inspection();
      ASSERT_TRUE(inspection);
      inspection();
    });
    return wall->conclude();
  }
  void begin() {
    wall->model().set_policies({policy(1, Action::kAccept, {"EMS1_ZTNA_T"}), listed()});
    wall->model().set_unchecked({"port3"});
    endpoint_has({"EMS1_ZTNA_T"});
    renew(60);
    ASSERT_TRUE(passes());
    ASSERT_FALSE(wall->changed_elsewhere());
  }
  /// Has a set of addresses.
  static Policy listed() {
    Policy p = policy(2, Action::kDeny, {});
    for (const char* ip : {"192.0.2.1", "192.0.2.7"}) p.destinations.push_back({*IpAddress::parse(ip), *IpAddress::parse(ip)});
    return p;
  }
};

TEST_F(FirewallMendTest, WhateverSomebodyElseDoesToTheTableIsSeenAndMended) {
  begin();
  for (const char* command :
       {"flush table inet postern", "flush ruleset", "delete table inet postern", "flush chain inet postern forward",
        "flush chain inet postern policy_1_tags", "insert rule inet postern forward accept",
        "add rule inet postern original accept", "add chain inet postern forward { policy accept; }",
        "add element inet postern EMS1_ZTNA_T { 10.0.1.99 }", "delete element inet postern EMS1_ZTNA_T { 10.0.1.2 }",
        "flush set inet postern bound", "flush set inet postern held", "delete element inet postern unchecked { port3 }",
        "add set inet postern mine { type ipv4_addr; }", "add table inet postern { flags dormant; }"}) {
    expect_mended(command);
  }
}

TEST_F(FirewallMendTest, WhatItIsMadeOfIsLookedAtWithoutWhatStandsInIt) {
  begin();
  const auto look_at_rules = [&] {
    lab.in("g", [&] {
      const auto inspection = wall->take_inspection(false);
      ASSERT_TRUE(inspection);
      inspection();
    });
    return wall->conclude();
  };
  nft("add table inet theirs");
  ASSERT_TRUE(wall->changed_elsewhere());
  EXPECT_EQ(look_at_rules(), Firewall::Inspected::kUnsure);
  EXPECT_TRUE(wall->changed_elsewhere()) << "what stands in it has still to be looked at";
  nft("add element inet postern EMS1_ZTNA_T { 10.0.1.99 }");
  EXPECT_EQ(look_at_rules(), Firewall::Inspected::kUnsure);
  EXPECT_EQ(look(), Firewall::Inspected::kChanged);
  apply();
  nft("insert rule inet postern forward accept");
  ASSERT_TRUE(wall->changed_elsewhere());
  EXPECT_EQ(look_at_rules(), Firewall::Inspected::kChanged);
}

TEST_F(FirewallMendTest, AListThatSomebodyElseEmptiesIsMended) {
  begin();
  nft("list table inet postern");
  EXPECT_FALSE(wall->changed_elsewhere()) << "reading changes nothing";
  nft("flush set inet postern " + render_chains(wall->model().policies()).lists.begin()->first);
  ASSERT_TRUE(wall->changed_elsewhere());
  EXPECT_EQ(look(), Firewall::Inspected::kChanged);
}

TEST_F(FirewallMendTest, NewSetsThatBeginWithElementsAreOurs) {
  begin();
  auto others = [&, n = 0]() mutable {
    nft(fmt::format("add table inet theirs{}", n++));
    ASSERT_TRUE(wall->changed_elsewhere());
    EXPECT_EQ(look(), Firewall::Inspected::kOurs);
  };
  // An EMS has a new tag, and the endpoint has it.
  wall->model().set_tags({"EMS1_ZTNA_T", "EMS1_ZTNA_U"});
  endpoint_has({"EMS1_ZTNA_T", "EMS1_ZTNA_U"});
  others();
  // A policy begins to refuse by a tag, and stops.
  wall->model().set_policies({policy(1, Action::kAccept, {"EMS1_ZTNA_T"}), policy(3, Action::kDeny, {"EMS1_ZTNA_U"})});
  apply();
  others();
  wall->model().set_policies({policy(1, Action::kAccept, {"EMS1_ZTNA_T"})});
  apply();
  others();
  EXPECT_TRUE(passes());
}

TEST_F(FirewallMendTest, OthersTablesAndOurOwnChangesAreNotHeldAgainstIt) {
  begin();
  nft("add table inet theirs { chain c { counter accept; }; }");
  ASSERT_TRUE(wall->changed_elsewhere());
  EXPECT_EQ(look(), Firewall::Inspected::kOurs);
  EXPECT_FALSE(wall->changed_elsewhere());

  // Ours comes while it looks.
  nft("delete table inet theirs");
  std::function<void()> inspection;
  lab.in("g", [&] { inspection = wall->take_inspection(); });
  auto other = endpoint;
  other.ip = *IpAddress::parse("10.0.1.77");
  wall->model().upsert(other);
  inspection();
  apply();
  EXPECT_EQ(wall->conclude(), Firewall::Inspected::kUnsure);
  EXPECT_TRUE(wall->changed_elsewhere());
  EXPECT_EQ(look(), Firewall::Inspected::kOurs);

  // A lease that is renewed, or runs out, is no change.
  renew(1);
  EXPECT_FALSE(wall->changed_elsewhere());
  const auto end = std::chrono::steady_clock::now() + kPatience;
  while (!blocked() && std::chrono::steady_clock::now() < end) std::this_thread::yield();
  EXPECT_TRUE(blocked());
  EXPECT_FALSE(wall->changed_elsewhere());

  // New policies on top of what isn't ours: all is built anew, then.
  nft("add table inet postern { flags dormant; }");
  wall->model().set_policies({policy(3, Action::kDeny, {})});
  apply();
  EXPECT_FALSE(wall->changed_elsewhere());
  renew(60);
  EXPECT_TRUE(blocked());
}

}  // namespace
}  // namespace postern::gateway::firewall
