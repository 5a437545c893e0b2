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

}  // namespace
}  // namespace postern::gateway::firewall
