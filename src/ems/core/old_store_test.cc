// What an older EMS stored and this one would not take: nothing keeps it from starting.
#include <gmock/gmock.h>

#include <algorithm>

#include "ems/core/judging_lab.h"
#include "ems/registry/codec.h"

namespace postern::ems::testing {
namespace {

/// Stored by an EMS for which rules of type classification did not refer to tags.
class OldStore : public Judging {
 protected:
  void refer(const std::string& name, const std::string& to) {
    Tag tag = *core->tag(name);
    const auto undo = codec::tag_row(tag);
    tag.definition.rules = {{.id = 1, .type = "classification", .parameters = {{"tags", std::vector<std::string>{to}}}}};
    old_.at = clock.now().wall;
    old_.rows.push_back({TableId::kTags, std::to_string(tag.id), codec::tag_row(tag)});
    old_.changes.push_back({"tag", name, "{}", undo});
  }
  void start_with_it() {
    ASSERT_TRUE(store.commit(old_));
    clock.advance(Seconds(1));
    alerts.clear();
    restart();
  }
  std::ptrdiff_t told() const { return std::ranges::count(alerts, "tag.not_in_force"); }

 private:
  Batch old_;
};

TEST_F(OldStore, TagsInACircleKeepNobodyFromStartingAndAreUnknown) {
  for (const char* name : {"Kiosk", "A", "B"}) {
    ASSERT_TRUE(save(R"({"kind":"classification","name":")" + std::string(name) + R"("})"));
  }
  ASSERT_TRUE(save(R"({"name":"Spared","rules":[{"id":1,"os":"linux","type":"classification","tags":["Kiosk"],"negate":true}]})"));
  TestAgent a, b;
  join(a);
  join(b);
  ASSERT_TRUE(classify(a, {"Kiosk", "A", "B"}));
  ASSERT_EQ(state(b, "Spared"), TagState::kHas);
  clock.advance(Seconds(1));
  refer("Kiosk", "Kiosk");
  refer("A", "B");
  refer("B", "A");
  start_with_it();
  EXPECT_EQ(told(), 2);  // A goes by B, which is the one that is unknown
  for (const auto* agent : {&a, &b}) {
    for (const char* name : {"Kiosk", "A", "B", "Spared"}) EXPECT_EQ(state(*agent, name), TagState::kUnknown) << name;
  }
  const auto why = core->explain(clock.now(), a.uid(), "Kiosk");
  ASSERT_TRUE(why);
  EXPECT_EQ(why->reason, "not_in_force");
  std::optional<Result<posture::TagExplanation>> then;
  core->explain_past(clock.now(), a.uid(), "Kiosk", clock.now().wall - Seconds(1), [&](auto past) { then = std::move(past); });
  run();
  ASSERT_TRUE(then && *then) << (then ? then->error().message : "");
  EXPECT_EQ((*then)->state, TagState::kUnknown);
  // As it is it is refused and not taken for what is there already.
  const auto same = save(R"({"name":"Kiosk","kind":"classification","rules":[{"id":1,"os":"linux","type":"classification","tags":["Kiosk"]}]})");
  ASSERT_FALSE(same);
  EXPECT_THAT(same.error().message, ::testing::HasSubstr("in a circle"));
  ASSERT_TRUE(save(R"({"name":"Kiosk","kind":"classification"})"));
  EXPECT_EQ(state(a, "Kiosk"), TagState::kHas);
  EXPECT_EQ(state(b, "Kiosk"), TagState::kAbsent);
  EXPECT_EQ(state(b, "Spared"), TagState::kHas);
  alerts.clear();
  restart();
  EXPECT_EQ(told(), 1);
  ASSERT_TRUE(save(R"({"name":"A","kind":"classification"})"));
  ASSERT_TRUE(save(R"({"name":"B","kind":"classification","rules":[{"id":1,"os":"linux","type":"classification","tags":["A"]}]})"));
  EXPECT_EQ(state(a, "B"), TagState::kHas);
  EXPECT_EQ(state(b, "B"), TagState::kAbsent);
}

TEST_F(OldStore, TooManyInARowKeepNobodyFromStartingEither) {
  const auto name = [](std::size_t i) { return "T" + std::to_string(i); };
  constexpr std::size_t kTags = posture::kMaxTagDepth + 8;
  for (std::size_t i = 0; i < kTags; ++i) ASSERT_TRUE(save(R"({"kind":"classification","name":")" + name(i) + R"("})"));
  TestAgent a;
  join(a);
  ASSERT_TRUE(classify(a, {name(kTags - 1)}));
  for (std::size_t i = 0; i + 1 < kTags; ++i) refer(name(i), name(i + 1));
  start_with_it();
  EXPECT_EQ(told(), 1);
  EXPECT_EQ(state(a, name(0)), TagState::kUnknown);
  EXPECT_EQ(state(a, name(posture::kMaxTagDepth - 2)), TagState::kUnknown);
  EXPECT_EQ(state(a, name(posture::kMaxTagDepth)), TagState::kHas);
}

}  // namespace
}  // namespace postern::ems::testing
