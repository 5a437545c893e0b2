// A change that takes several calls: what is judged in between, and what waits.
#include "gateway/firewall/firewall_lab.h"

namespace postern::gateway::firewall {
namespace {

class SlicedChangeTest : public FirewallLab {
 protected:
  void SetUp() override {
    FirewallLab::SetUp();
    if (!wall) return;
    wall->set_slice({});  // a transaction for each call
    wall->model().set_tags({"T", "U"});
    wall->model().set_policies({policy(1, Action::kAccept, {"T"})});
    endpoint_has({"T"});
    renew(60);
  }
  void others(const std::string& tag) {
    for (int i = 3; i < 40; ++i) {
      AddressEntry entry = endpoint;
      entry.ip = *IpAddress::parse("10.0.1." + std::to_string(i));
      entry.tags = entry.known = {tag};
      wall->model().upsert(entry);
    }
  }
  /// One call; whether there is more to do.
  bool step() {
    const auto s = wall->apply();
    EXPECT_TRUE(s) << s.error().message;
    return wall->unfinished();
  }
  Firewall::Inspected inspected() {
    EXPECT_TRUE(wall->changed_elsewhere());
    lab.in("g", [&] {
      const auto inspection = wall->take_inspection();
      ASSERT_TRUE(inspection);
      inspection();
    });
    return wall->conclude();
  }
};

TEST_F(SlicedChangeTest, WhatIsToldMeanwhileWaitsForTheNextOne) {
  ASSERT_TRUE(passes());
  wall->model().set_piece(8);
  others("T");
  ASSERT_TRUE(step());
  endpoint.tags.clear();
  wall->model().upsert(endpoint);
  int steps = 0;
  do {
    EXPECT_TRUE(passes()) << "as before";
    EXPECT_FALSE(wall->take_cleanup());
    EXPECT_FALSE(wall->changed_elsewhere());
    EXPECT_FALSE(wall->take_inspection());
    ++steps;
  } while (step());
  EXPECT_GT(steps, 3);
  EXPECT_TRUE(passes());
  while (step()) {
  }
  EXPECT_TRUE(blocked());
  EXPECT_FALSE(wall->changed_elsewhere());
}

TEST_F(SlicedChangeTest, CutsAreOfTheChangeThatIsInForceWhateverTheModelGoesOnTo) {
  auto open = connect();
  ASSERT_TRUE(open);
  wall->model().set_piece(8);
  others("U");
  wall->model().set_policies({policy(1, Action::kAccept, {"T"}), policy(2, Action::kAccept, {"U"})});
  ASSERT_TRUE(step());
  // The next one refuses the endpoint; this one doesn't.
  wall->model().set_policies({policy(3, Action::kAccept, {"U"})});
  while (step()) {
  }
  const auto first = wall->take_cleanup();
  ASSERT_TRUE(first);
  EXPECT_TRUE(first().cuts.empty());
  while (step()) {
  }
  const auto second = wall->take_cleanup();
  ASSERT_TRUE(second);
  const auto cuts = second().cuts;
  ASSERT_EQ(cuts.size(), 1u);
  EXPECT_EQ(cuts[0].policy, 1);
  EXPECT_EQ(cuts[0].reason, policy::Reason::kNoPolicy);
}

TEST_F(SlicedChangeTest, AnotherProgramsTableBetweenTheSlicesIsNoReasonToBuildOursAnew) {
  wall->model().set_piece(8);
  others("U");
  wall->model().set_policies({policy(1, Action::kAccept, {"T"}), policy(2, Action::kAccept, {"U"})});
  ASSERT_TRUE(step());
  while (step()) {
  }
  ASSERT_TRUE(lab.run("ip netns exec " + lab.name("g") + " nft add table inet theirs"));
  EXPECT_EQ(inspected(), Firewall::Inspected::kOurs);

  // In the middle of what fills sets.
  others("T");
  ASSERT_TRUE(step());
  ASSERT_TRUE(lab.run("ip netns exec " + lab.name("g") + " nft delete table inet theirs"));
  while (step()) {
  }
  EXPECT_EQ(inspected(), Firewall::Inspected::kOurs);
  EXPECT_TRUE(passes());
}

TEST_F(SlicedChangeTest, ATableThatIsTakenAwayBetweenTheSlicesIsBuiltAnew) {
  wall->model().set_piece(8);
  others("T");
  ASSERT_TRUE(step());
  ASSERT_TRUE(lab.run("ip netns exec " + lab.name("g") + " nft delete table inet postern"));
  while (step()) {
  }
  renew(60);
  EXPECT_TRUE(passes());
  endpoint_has({});
  EXPECT_TRUE(blocked());
}

TEST_F(SlicedChangeTest, AnInspectionThatAChangeOvertookSaysNothing) {
  ASSERT_TRUE(lab.run("ip netns exec " + lab.name("g") + " nft add table inet theirs"));
  ASSERT_TRUE(wall->changed_elsewhere());
  std::function<void()> inspection;
  lab.in("g", [&] { inspection = wall->take_inspection(); });
  ASSERT_TRUE(inspection);
  wall->model().set_piece(8);
  others("U");
  wall->model().set_policies({policy(1, Action::kAccept, {"T"}), policy(2, Action::kDeny, {"U"})});
  // New sets are there, and not the rules yet that make the structure whole.
  ASSERT_TRUE(step());
  lab.in("g", [&] { inspection(); });
  EXPECT_EQ(wall->conclude(), Firewall::Inspected::kUnsure);
  while (step()) {
  }
  EXPECT_EQ(inspected(), Firewall::Inspected::kOurs);
}

TEST_F(SlicedChangeTest, WhatSomebodyElsePutIntoTheTableIsFoundAlsoWhereAChangeOfOursCameMeanwhile) {
  const auto theirs = [&](const std::string& verb) { return lab.run("ip netns exec " + lab.name("g") + " nft " + verb + " chain inet postern theirs"); };
  ASSERT_TRUE(theirs("add"));
  ASSERT_TRUE(wall->changed_elsewhere());
  std::function<void()> inspection;
  lab.in("g", [&] { inspection = wall->take_inspection(); });
  ASSERT_TRUE(inspection);
  wall->model().set_tags({"T", "U", "V"});
  while (step()) {
  }
  lab.in("g", [&] { inspection(); });
  EXPECT_EQ(wall->conclude(), Firewall::Inspected::kUnsure);
  if (inspected() == Firewall::Inspected::kChanged) {
    do {
    } while (step());
  }
  EXPECT_FALSE(theirs("list"));
}

// What a large table holds takes long to be found; what keeps everybody out doesn't.
TEST_F(SlicedChangeTest, WhereATableIsGoneItsRulesStandBeforeAnythingElseIsLookedFor) {
  wall->model().set_piece(8);
  others("T");
  while (step()) {
  }
  wall->model().remove(endpoint.ip);
  while (step()) {
  }
  renew(60);
  ASSERT_TRUE(blocked());
  ASSERT_TRUE(lab.run("ip netns exec " + lab.name("g") + " nft delete table inet postern"));
  ASSERT_TRUE(passes());
  EXPECT_EQ(inspected(), Firewall::Inspected::kChanged);
  ASSERT_TRUE(step());
  EXPECT_TRUE(blocked());
  while (step()) {
  }
  EXPECT_TRUE(blocked());
  ASSERT_TRUE(lab.run("ip netns exec " + lab.name("g") + " nft add table inet theirs"));
  EXPECT_EQ(inspected(), Firewall::Inspected::kOurs) << "what was built is known to be ours";
  endpoint_has({"T"});
  EXPECT_TRUE(passes());
}

}  // namespace
}  // namespace postern::gateway::firewall
