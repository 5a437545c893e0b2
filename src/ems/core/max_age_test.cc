// max_age: a fact that is older than its rule allows is unknown, by whichever clock.
#include "ems/core/judging_lab.h"
#include "wire/telemetry.pb.h"

namespace postern::ems::testing {
namespace {

TEST_F(Judging, AHelloDoesNotMakeFactsFresh) {
  save_tag(R"({"name":"Recent","rules":[{"id":1,"os":"linux","type":"running-process","processes":["sshd"],"max_age":300}]})");
  TestAgent a;
  join(a);
  report(a, {{keys::process_running("sshd"), true}});
  run();
  ASSERT_EQ(state(a, "Recent"), TagState::kHas);
  wait(a, Seconds(400), false);
  ASSERT_EQ(state(a, "Recent"), TagState::kUnknown);
  connect(a, a.seq);
  EXPECT_EQ(state(a, "Recent"), TagState::kUnknown);
  keep_alive(a);
  EXPECT_EQ(state(a, "Recent"), TagState::kHas);
}

TEST_F(Judging, AFactOlderThanARuleAllowsIsUnknown) {
  save_tag(R"({"name":"Fresh","rules":[{"id":1,"os":"linux","type":"running-process","processes":["av"],"max_age":600}]})");
  TestAgent a;
  join(a);
  report(a, {{keys::process_running("av"), true}});
  run();
  wait(a, Seconds(1200), true);  // signs of life confirm it
  EXPECT_EQ(state(a, "Fresh"), TagState::kHas);
  wait(a, Seconds(590), false);
  EXPECT_EQ(state(a, "Fresh"), TagState::kHas);
  wait(a, Seconds(30), false);
  EXPECT_EQ(state(a, "Fresh"), TagState::kUnknown);
}

TEST_F(Judging, RestartsExcuseNoSilenceWhileTheEmsRan) {
  save_tag(R"({"name":"Fresh","rules":[{"id":1,"os":"linux","type":"running-process","processes":["av"],"max_age":600}]})");
  TestAgent a;
  join(a);
  report(a, {{keys::process_running("av"), true}});
  run();
  for (int i = 0; i < 20; ++i) {
    wait(a, Seconds(30), false);
    restart();
  }
  wait(a, Seconds(130), false);  // 20 restarts excuse some seconds each at most
  EXPECT_EQ(state(a, "Fresh"), TagState::kUnknown);
}

TEST_F(Judging, AnEndpointsClockThatIsAheadKeepsNothingFresh) {
  save_tag(R"({"name":"Fresh","rules":[{"id":1,"os":"linux","type":"running-process","processes":["av"],"max_age":600}]})");
  TestAgent a;
  join(a);
  const auto wall = clock.now().wall;
  clock.set_wall(wall + 10 * kDay);  // facts are made by this clock
  wire::TelemetryFrame frame;
  auto& r = *frame.mutable_report();
  r.set_seq(++a.seq);
  auto& f = *r.add_facts();
  f.set_key(keys::process_running("av"));
  f.set_boolean(true);
  f.set_collected_at_ms(to_unix_ms(clock.now().wall));
  clock.set_wall(wall);
  send(a, frame);
  run();
  EXPECT_EQ(state(a, "Fresh"), TagState::kHas);
  wait(a, Seconds(620), false);
  EXPECT_EQ(state(a, "Fresh"), TagState::kUnknown);
}

}  // namespace
}  // namespace postern::ems::testing
