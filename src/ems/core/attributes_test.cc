// Attributes that people and other programs give an endpoint: what is taken, and until when it counts.
#include "ems/core/judging_lab.h"

namespace postern::ems::testing {
namespace {

TEST_F(Judging, AnAttributeIsKnownUntilItExpires) {
  TestAgent a;
  join(a);
  const auto key = keys::with(keys::kEmsAttributePrefix, "score.edr");
  const auto value = [&] { return core->endpoint(a.uid())->facts().at(key).value; };
  EXPECT_EQ(attribute(a, "Score!", std::int64_t{7}).error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(attribute(a, "score.edr", std::int64_t{101}).error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(attribute(a, "score.edr", std::string("50")).error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(attribute(a, "x", std::string(300, 'x')).error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(attribute(a, "x", true, Seconds(10)).error().code, ErrorCode::kInvalidArgument);
  ASSERT_TRUE(attribute(a, "score.edr", std::int64_t{87}, Seconds(600)));
  EXPECT_EQ(value(), posture::FactValue(std::int64_t{87}));
  restart();
  connect(a, a.seq);
  EXPECT_EQ(value(), posture::FactValue(std::int64_t{87}));
  wait(a, Seconds(590), true);
  EXPECT_EQ(value(), posture::FactValue(std::int64_t{87}));
  wait(a, Seconds(20), true);
  EXPECT_EQ(value(), posture::FactValue(posture::Unknown{posture::UnknownReason::kStale}));
  Status removed = fail(ErrorCode::kInternal, "");
  core->remove_attribute(clock.now(), admin, a.uid(), "score.edr", [&](Status done) { removed = done; });
  run();
  ASSERT_TRUE(removed);
  EXPECT_FALSE(core->endpoint(a.uid())->facts().contains(key));
  for (int i = 0; i < 64; ++i) ASSERT_TRUE(attribute(a, "n" + std::to_string(i), true));
  EXPECT_EQ(attribute(a, "one-more", true).error().code, ErrorCode::kResourceExhausted);
}

TEST_F(Judging, AnAttributeExpiresAlthoughStoringFailsInThatMoment) {
  save_tag(R"({"name":"Good","rules":[{"id":1,"os":"linux","type":"attribute","name":"mdm","op":"=","value":"true"}]})");
  TestAgent a;
  join(a);
  ASSERT_TRUE(attribute(a, "mdm", true, Seconds(600)));
  EXPECT_EQ(core->audit(~std::uint64_t{0}, 1)->front().detail.substr(0, 17), "mdm = true, until");
  wait(a, Seconds(590), true);
  ASSERT_EQ(state(a, "Good"), TagState::kHas);
  store.fail_commits(Error{ErrorCode::kResourceExhausted, "the disk is full"});
  wait(a, Seconds(20), false);
  store.fail_commits(std::nullopt);
  wait(a, Seconds(10), false);
  EXPECT_EQ(state(a, "Good"), TagState::kUnknown);
}

TEST_F(Judging, AnAttributeExpiresWhateverElseWasDueBefore) {
  save_tag(R"({"name":"Good","rules":[{"id":1,"os":"linux","type":"attribute","name":"mdm","op":"=","value":"true"}]})");
  save_tag(kHeldTag);
  TestAgent a;
  join(a);
  ASSERT_TRUE(attribute(a, "mdm", true, Seconds(7200)));
  report(a, {{keys::process_running("av"), true}});
  report(a, {{keys::process_running("av"), false}});  // held until long before that
  run();
  wait(a, Seconds(3600), true);
  ASSERT_EQ(state(a, "Healthy"), TagState::kAbsent);
  ASSERT_EQ(state(a, "Good"), TagState::kHas);
  wait(a, Seconds(3620), true);
  EXPECT_EQ(state(a, "Good"), TagState::kUnknown);
}

}  // namespace
}  // namespace postern::ems::testing
