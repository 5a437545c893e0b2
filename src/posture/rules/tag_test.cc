#include <gmock/gmock.h>

#include "posture/engine.h"
#include "posture/rules/rule_lab.h"

namespace postern::posture {
namespace tag_rule {
namespace {

using namespace testing;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using enum Verdict;
using List = std::vector<std::string>;

TEST(Tag, AllAndAnyWithUnknownAndMissing) {
  const List both{"A", "B c"};
  const auto all = make("tag", {{"tags", both}});
  const auto any = make("tag", {{"tags", both}, {"match", "any"}});
  const Fact yes = known(true), no = known(false), open = unknown(UnknownReason::kStale);
  expect_with_tags(*all, {{"A", yes}, {"B c", yes}}, kMatch, "tag_present");
  expect_with_tags(*all, {{"A", yes}, {"B c", no}}, kNoMatch, "tag_absent");
  expect_with_tags(*all, {{"A", no}}, kNoMatch, "tag_absent");
  expect_with_tags(*all, {{"A", yes}, {"B c", open}}, kUnknown, "tag_unknown");
  expect_with_tags(*all, {{"A", yes}}, kUnknown, "tag_missing");
  expect_with_tags(*any, {{"A", yes}}, kMatch, "tag_present");
  expect_with_tags(*any, {{"A", no}, {"B c", no}}, kNoMatch, "tag_absent");
  expect_with_tags(*any, {{"A", no}, {"B c", open}}, kUnknown, "tag_unknown");
  expect_with_tags(*any, {{"A", no}}, kUnknown, "tag_missing");
  const auto one = make("tag", {{"tags", List{"A"}}});
  expect_with_tags(*one, {{"A", yes}}, kMatch, "tag_present");
  expect_with_tags(*one, {{"A", no}}, kNoMatch, "tag_absent");
  expect_with_tags(*one, {{"A", open}}, kUnknown, "tag_unknown");
  expect_with_tags(*one, {}, kUnknown, "tag_missing");
  EXPECT_THAT(all->keys(), ElementsAre("tag:A", "tag:B c"));
  EXPECT_EQ(all->describe(), "the endpoint has the tags A and B c");
  EXPECT_EQ(one->describe(), "the endpoint has the tag A");
}

TagDefinition definition(const char* name, const char* type, Parameters parameters) {
  TagDefinition out;
  out.name = TagName(name);
  out.rules = {{.id = 1, .type = type, .parameters = std::move(parameters)}};
  return out;
}

TEST(Tag, TheEngineFollowsItAndRefusesCircles) {
  TagEngine engine;
  ASSERT_TRUE(engine.set(2, definition("Outer", "tag", {{"tags", List{"Inner"}}})));
  FactMap facts = linux_facts();
  facts[keys::process_running("x")] = known(true);
  EXPECT_EQ(engine.evaluate(2, {facts, kNow}), TagState::kUnknown);  // Inner isn't there yet
  ASSERT_TRUE(engine.set(3, definition("Inner", "running-process", {{"processes", List{"x"}}})));
  EXPECT_EQ(engine.evaluate(2, {facts, kNow}), TagState::kHas);
  EXPECT_THAT(engine.affected_by(List{keys::process_running("x")}), ElementsAre(3, 2));
  facts[keys::process_running("x")] = known(false);
  EXPECT_EQ(engine.evaluate(2, {facts, kNow}), TagState::kAbsent);
  EXPECT_FALSE(engine.set(3, definition("Inner", "tag", {{"tags", List{"Outer"}}})));
  EXPECT_FALSE(engine.set(4, definition("Self", "tag", {{"tags", List{"Self"}}})));
}

TEST(Tag, SoManyReferToOneAnotherInARowAndNoMore) {
  const auto name = [](std::size_t n) { return "T" + std::to_string(n); };
  const auto refer = [&](std::size_t from, std::size_t to) {
    return definition(name(from).c_str(), "tag", {{"tags", List{name(to)}}});
  };
  TagEngine engine;
  ASSERT_TRUE(engine.set(2, definition("T1", "running-process", {{"processes", List{"x"}}})));
  for (std::size_t n = 2; n <= kMaxTagDepth; ++n) ASSERT_TRUE(engine.set(static_cast<TagId>(n + 1), refer(n, n - 1)));
  FactMap facts = linux_facts();
  facts[keys::process_running("x")] = known(true);
  EXPECT_EQ(engine.evaluate(kMaxTagDepth + 1, {facts, kNow}), TagState::kHas);
  EXPECT_EQ(engine.evaluate_all({facts, kNow}).state(kMaxTagDepth + 1), TagState::kHas);
  const auto above = engine.set(100, refer(kMaxTagDepth + 1, kMaxTagDepth));
  ASSERT_FALSE(above);
  EXPECT_THAT(above.error().message, HasSubstr("more than 32 tags"));
  // Nor below, nor as what joins two rows.
  ASSERT_TRUE(engine.set(101, definition("Below", "running-process", {{"processes", List{"y"}}})));
  EXPECT_FALSE(engine.set(2, definition("T1", "tag", {{"tags", List{"Below"}}})));
  EXPECT_EQ(engine.evaluate(kMaxTagDepth + 1, {facts, kNow}), TagState::kHas);  // as it was
  ASSERT_TRUE(engine.remove(2));
  EXPECT_EQ(engine.evaluate_all({facts, kNow}).state(kMaxTagDepth + 1), TagState::kUnknown);
}

TEST(Tag, Refusals) {
  EXPECT_THAT(refusal("tag", {}), HasSubstr("tags: is missing"));
  EXPECT_THAT(refusal("tag", {{"tags", List{"A", "a:b"}}}), HasSubstr("tags[1]: \"a:b\" is no tag's name"));
  EXPECT_THAT(refusal("tag", {{"tags", List{"A", "A"}}}), HasSubstr("stands in the list twice"));
}

}  // namespace
}  // namespace tag_rule
}  // namespace postern::posture
