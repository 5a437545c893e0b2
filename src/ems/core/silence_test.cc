// Who says nothing: until when it is online, how long its tags stand, and what makes what it once said count again.
#include <algorithm>

#include "ems/core/judging_lab.h"
#include "wire/telemetry.pb.h"

namespace postern::ems::testing {
namespace {

TEST_F(Judging, TagsOutliveASleepUpToTheTagTimeout) {
  save_process_tag();
  TestAgent a;
  join(a);
  report(a, {{keys::process_running("sshd"), true}});
  wait(a, Seconds(185), false);
  ASSERT_FALSE(core->endpoint(a.uid())->online);
  EXPECT_EQ(state(a, "Has-sshd"), TagState::kHas);
  wait(a, Seconds(3400), false);  // 3585 s of silence
  EXPECT_EQ(state(a, "Has-sshd"), TagState::kHas);
  wait(a, Seconds(20), false);
  EXPECT_EQ(state(a, "Has-sshd"), TagState::kUnknown);
  // Another run of the agent says hello: what was known before the sleep counts once it is said again.
  a.run = 8;
  a.seq = 0;
  connect(a);
  EXPECT_FALSE(core->endpoint(a.uid())->online);
  EXPECT_EQ(state(a, "Has-sshd"), TagState::kUnknown);
  report(a, {{std::string(keys::kOsFamily), std::string("linux")}, {keys::process_running("sshd"), true}}, true);
  run();
  EXPECT_TRUE(core->endpoint(a.uid())->online);
  EXPECT_EQ(state(a, "Has-sshd"), TagState::kHas);
}

TEST_F(Judging, AHelloMakesNobodyOnline) {
  save_process_tag();
  TestAgent a;
  join(a);
  report(a, {{keys::process_running("sshd"), true}});
  run();
  const auto is_online = [&] { return core->endpoint(a.uid())->online; };
  wait(a, Seconds(185), false);
  ASSERT_FALSE(is_online());
  // Of the same run something has to follow: it then has said what changed.
  connect(a, a.seq);
  EXPECT_FALSE(is_online());
  keep_alive(a);
  EXPECT_TRUE(is_online());
  wait(a, Seconds(185), false);
  ASSERT_FALSE(is_online());
  // Of another run only its report says what holds now, whatever else comes before.
  a.run = 8;
  a.seq = 0;
  connect(a);
  keep_alive(a);
  EXPECT_FALSE(is_online());
  report(a, {{std::string(keys::kOsFamily), std::string("linux")}}, true);
  run();
  EXPECT_TRUE(is_online());
}

TEST_F(Judging, HellosKeepNobodyOnline) {
  TestAgent a;
  join(a);
  run();
  for (std::uint64_t other = 8; other < 12; ++other) {
    EXPECT_EQ(core->endpoint(a.uid())->online, other < 10) << other;
    wait(a, Seconds(100), false);
    a.run = other;
    a.seq = 0;
    connect(a);
    keep_alive(a);
  }
}

TEST_F(Judging, WhoSaysHelloAndNothingMoreIsLetGoOf) {
  TestAgent a;
  join(a);
  run();
  wait(a, Seconds(300), false);
  a.run = 8;
  a.seq = 0;
  connect(a);
  a.inbox.clear();
  wait(a, Seconds(170), false);
  EXPECT_EQ(a.last(wire::TelemetryFrame::kGoodbye), nullptr);
  wait(a, Seconds(20), false);
  ASSERT_NE(a.last(wire::TelemetryFrame::kGoodbye), nullptr);
  EXPECT_FALSE(core->endpoint(a.uid())->online);
}

TEST_F(Judging, RestartsDoNotKeepASilentEndpointOnline) {
  TestAgent a;
  join(a);
  run();
  for (int i = 0; i < 2; ++i) {
    wait(a, Seconds(100), false);
    EXPECT_TRUE(core->endpoint(a.uid())->online);
    restart();
  }
  wait(a, Seconds(30), false);
  EXPECT_TRUE(core->endpoint(a.uid())->online);  // it may come back
  wait(a, Seconds(40), false);
  EXPECT_FALSE(core->endpoint(a.uid())->online);
}

TEST_F(Judging, RunsThatReportNothingConfirmNothing) {
  save_process_tag();
  TestAgent a;
  join(a);
  report(a, {{keys::process_running("sshd"), true}});
  wait(a, Seconds(4000), false);
  ASSERT_EQ(state(a, "Has-sshd"), TagState::kUnknown);
  for (const std::uint64_t run : {8, 9, 10}) {
    a.run = run;
    a.seq = 0;
    connect(a);
    EXPECT_EQ(state(a, "Has-sshd"), TagState::kUnknown);
    wait(a, Seconds(120), true);   // it gives signs of life and says nothing
    wait(a, Seconds(200), false);
    EXPECT_EQ(state(a, "Has-sshd"), TagState::kUnknown);
  }
  a.run = 11;
  connect(a);
  restart();
  wait(a, Seconds(10), false);
  EXPECT_EQ(state(a, "Has-sshd"), TagState::kUnknown);
}

TEST_F(Judging, AFirstReportThatCouldNotBeStoredConfirmsNothing) {
  save_process_tag();
  TestAgent a;
  join(a);
  report(a, {{keys::process_running("sshd"), true}});
  wait(a, Seconds(4000), false);
  a.run = 8;
  a.seq = 0;
  connect(a);
  ASSERT_EQ(state(a, "Has-sshd"), TagState::kUnknown);
  store.fail_commits(Error{ErrorCode::kResourceExhausted, "the disk is full"});
  report(a, {{std::string(keys::kOsFamily), std::string("linux")}, {keys::process_running("sshd"), true}}, true);
  run();
  store.fail_commits(std::nullopt);
  wait(a, Seconds(10), false);
  EXPECT_EQ(state(a, "Has-sshd"), TagState::kUnknown);
}

TEST_F(Judging, AClockThatIsSetBackKeepsNothingFresh) {
  save_process_tag();
  TestAgent a;
  join(a);
  report(a, {{keys::process_running("sshd"), true}});
  wait(a, Seconds(300), false);
  ASSERT_FALSE(core->endpoint(a.uid())->online);
  clock.set_wall(clock.now().wall - kDay);
  wait(a, Seconds(3200), false);
  EXPECT_EQ(state(a, "Has-sshd"), TagState::kHas);
  wait(a, Seconds(200), false);
  EXPECT_EQ(state(a, "Has-sshd"), TagState::kUnknown);
  // And while the EMS was away.
  connect(a, a.seq);
  keep_alive(a);
  wait(a, Seconds(300), false);
  ASSERT_EQ(state(a, "Has-sshd"), TagState::kHas);
  clock.set_wall(clock.now().wall - kDay);
  restart();
  wait(a, Seconds(3700), false);
  EXPECT_EQ(state(a, "Has-sshd"), TagState::kUnknown);
}

TEST_F(Judging, TheSameRunConfirmsWhatItSaidOnceItHasSaidWhatChanged) {
  save_process_tag();
  TestAgent a;
  join(a);
  report(a, {{keys::process_running("sshd"), true}});
  run();
  wait(a, Seconds(4000), false);
  ASSERT_EQ(state(a, "Has-sshd"), TagState::kUnknown);
  connect(a, a.seq);
  EXPECT_FALSE(core->endpoint(a.uid())->online);
  EXPECT_EQ(state(a, "Has-sshd"), TagState::kUnknown);  // a report may be on its way
  keep_alive(a);
  EXPECT_TRUE(core->endpoint(a.uid())->online);
  EXPECT_EQ(state(a, "Has-sshd"), TagState::kHas);
  // The same over restarts, and however often it comes back without a word.
  wait(a, Seconds(4000), false);
  for (int i = 0; i < 2; ++i) {
    restart();
    connect(a, a.seq);
    EXPECT_EQ(state(a, "Has-sshd"), TagState::kUnknown);
  }
  const auto log = core->revision();
  report(a, {{keys::process_running("sshd"), false}});
  run();
  EXPECT_EQ(state(a, "Has-sshd"), TagState::kAbsent);
  const auto changes = core->changes(log, 100, a.uid().str());
  ASSERT_TRUE(changes);
  EXPECT_TRUE(std::ranges::none_of(*changes, [](const Change& c) { return c.json.find(R"("after":"has")") != c.json.npos; }));
  report(a, {{keys::process_running("sshd"), true}});
  run();
  EXPECT_EQ(state(a, "Has-sshd"), TagState::kHas);
}

TEST_F(Judging, TimeInWhichTheEmsHeardNobodyCountsAgainstNobody) {
  save_process_tag();
  TestAgent a;
  join(a);
  report(a, {{keys::process_running("sshd"), true}});
  wait(a, Seconds(600), false);
  ASSERT_FALSE(core->endpoint(a.uid())->online);
  // Away for a day, with what it was before stored.
  clock.advance(kDay);
  restart();
  wait(a, Seconds(1000), false);
  EXPECT_EQ(state(a, "Has-sshd"), TagState::kHas);
  // The machine sleeps, or its clock is set: no ticks meanwhile.
  clock.advance(kDay);
  core->tick(clock.now());
  run();
  EXPECT_EQ(state(a, "Has-sshd"), TagState::kHas);
  wait(a, Seconds(2200), false);
  EXPECT_EQ(state(a, "Has-sshd"), TagState::kUnknown);
}

}  // namespace
}  // namespace postern::ems::testing
