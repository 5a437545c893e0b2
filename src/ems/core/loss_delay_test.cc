// loss_delay: a tag that the rules no longer give is kept for a while, and nothing but that is.
#include "ems/core/judging_lab.h"

namespace postern::ems::testing {
namespace {

TEST_F(Judging, ALossIsDelayedWhereAskedAndNothingElseIs) {
  save_tag(kHeldTag);
  TestAgent a;
  join(a);
  EXPECT_EQ(state(a, "Healthy"), TagState::kUnknown);
  report(a, {{keys::process_running("av"), true}});
  run();
  EXPECT_EQ(state(a, "Healthy"), TagState::kHas);  // at once
  report(a, {{keys::process_running("av"), false}});
  run();
  EXPECT_EQ(state(a, "Healthy"), TagState::kHas);
  wait(a, Seconds(110), true);
  EXPECT_EQ(state(a, "Healthy"), TagState::kHas);
  // A restart does not begin the delay anew.
  restart();
  connect(a, a.seq);
  wait(a, Seconds(20), true);
  EXPECT_EQ(state(a, "Healthy"), TagState::kAbsent);
  // Back before the delay is over: nothing was lost, and the next loss has all of it again.
  report(a, {{keys::process_running("av"), true}});
  report(a, {{keys::process_running("av"), false}});
  wait(a, Seconds(100), true);
  report(a, {{keys::process_running("av"), true}});
  report(a, {{keys::process_running("av"), false}});
  wait(a, Seconds(100), true);
  EXPECT_EQ(state(a, "Healthy"), TagState::kHas);
  // Unknown is never bridged.
  report(a, {{keys::process_running("av"), posture::Unknown{posture::UnknownReason::kFailed}}});
  run();
  EXPECT_EQ(state(a, "Healthy"), TagState::kUnknown);
}

TEST_F(Judging, WhatIsHeldGoesWithTheTagAndIsExplained) {
  save_tag(kHeldTag);
  TestAgent a;
  join(a);
  report(a, {{keys::process_running("av"), true}});
  report(a, {{keys::process_running("av"), false}});
  run();
  ASSERT_EQ(state(a, "Healthy"), TagState::kHas);
  const auto why = core->explain(clock.now(), a.uid(), "Healthy");
  ASSERT_TRUE(why);
  EXPECT_EQ(why->state, TagState::kHas);
  EXPECT_EQ(why->reason, "held");
  auto now_disabled = std::string(kHeldTag);
  now_disabled.insert(1, R"("enabled":false,)");
  ASSERT_TRUE(save(now_disabled));
  EXPECT_EQ(state(a, "Healthy"), TagState::kAbsent);
}

TEST_F(Judging, WhoHasATagAgainByAnEditLosesItWithTheWholeDelay) {
  save_tag(kHeldTag);
  TestAgent a;
  join(a);
  report(a, {{keys::process_running("av"), true}});
  run();
  auto other = std::string(kHeldTag);
  other.replace(other.find("\"av\""), 4, "\"xx\"");
  report(a, {{keys::process_running("xx"), false}});
  run();
  ASSERT_TRUE(save(other));
  ASSERT_EQ(core->endpoint(a.uid())->held.size(), 1u);
  const auto first = core->endpoint(a.uid())->held[0].until;
  wait(a, Seconds(10), true);
  ASSERT_TRUE(save(kHeldTag));
  EXPECT_TRUE(core->endpoint(a.uid())->held.empty());
  report(a, {{keys::process_running("av"), false}});
  run();
  ASSERT_EQ(core->endpoint(a.uid())->held.size(), 1u);
  EXPECT_EQ(core->endpoint(a.uid())->held[0].until, first + Seconds(10));
}

}  // namespace
}  // namespace postern::ems::testing
