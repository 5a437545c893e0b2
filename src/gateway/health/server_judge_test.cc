#include "gateway/health/server_judge.h"

#include <gtest/gtest.h>

namespace postern::gateway::health {
namespace {

using Condition = ServerJudge::Condition;
using std::chrono::seconds;

class Judge : public testing::Test {
 protected:
  bool take(Finding::Outcome outcome) { return judge_.take({outcome, "why"}, rules_, clock_.now()); }
  bool well() { return take(Finding::Outcome::kWell); }
  bool ill() { return take(Finding::Outcome::kIll); }

  ManualClock clock_;
  Rules rules_;
  ServerJudge judge_{ecshm::ServerState::kUnknown, clock_.now()};
};

TEST_F(Judge, OneFailureIsForgivenTwoAreNot) {
  EXPECT_EQ(judge_.state(), ecshm::ServerState::kUnknown);
  EXPECT_FALSE(ill());
  EXPECT_TRUE(well()) << "from unknown to up";
  EXPECT_EQ(judge_.state(), ecshm::ServerState::kUp);
  EXPECT_FALSE(ill());
  EXPECT_FALSE(well());
  EXPECT_FALSE(ill());
  EXPECT_EQ(judge_.condition(), Condition::kUp);
  EXPECT_TRUE(ill());
  EXPECT_EQ(judge_.state(), ecshm::ServerState::kDown);
  EXPECT_FALSE(ill());
}

TEST_F(Judge, AServerThatComesBackIsHeldDownForItsInterval) {
  ill(), ill();
  clock_.advance(seconds(100));
  EXPECT_TRUE(well());
  EXPECT_EQ(judge_.condition(), Condition::kHeldDown);
  EXPECT_EQ(judge_.state(), ecshm::ServerState::kDown);
  clock_.advance(seconds(30) - std::chrono::milliseconds(1));
  EXPECT_FALSE(well());
  clock_.advance(std::chrono::milliseconds(1));
  EXPECT_TRUE(well());
  EXPECT_EQ(judge_.condition(), Condition::kUp);
}

TEST_F(Judge, AFailureWhileHeldDownBeginsAnew) {
  ill(), ill(), well();
  clock_.advance(seconds(29));
  EXPECT_TRUE(ill());
  EXPECT_EQ(judge_.condition(), Condition::kDown);
  well();
  clock_.advance(seconds(29));
  EXPECT_FALSE(well());
  EXPECT_EQ(judge_.condition(), Condition::kHeldDown);
}

TEST_F(Judge, WithoutHolddownItIsUsedAtOnce) {
  rules_.holddown = std::chrono::milliseconds(0);
  ill(), ill();
  EXPECT_TRUE(well());
  EXPECT_EQ(judge_.state(), ecshm::ServerState::kUp);
}

TEST_F(Judge, WhatCannotBeAskedIsUnknownAndTakesRequests) {
  ill(), ill();
  EXPECT_TRUE(take(Finding::Outcome::kCannotTell));
  EXPECT_TRUE(ecshm::takes_requests(judge_.state()));
  EXPECT_FALSE(ill()) << "the failures before don't count any more";
  EXPECT_EQ(judge_.condition(), Condition::kUnknown);
}

TEST_F(Judge, AnotherGatewayGoesOnWithWhatWasSaid) {
  ServerJudge down(ecshm::ServerState::kDown, clock_.now());
  EXPECT_EQ(down.state(), ecshm::ServerState::kDown);
  down.take({Finding::Outcome::kWell, ""}, rules_, clock_.now());
  EXPECT_EQ(down.condition(), Condition::kHeldDown);
  ServerJudge up(ecshm::ServerState::kUp, clock_.now());
  EXPECT_FALSE(up.take({Finding::Outcome::kIll, ""}, rules_, clock_.now()));
  EXPECT_EQ(up.state(), ecshm::ServerState::kUp);
  EXPECT_EQ(ServerJudge(ecshm::ServerState::kRemoved, clock_.now()).state(), ecshm::ServerState::kUnknown);
}

}  // namespace
}  // namespace postern::gateway::health
