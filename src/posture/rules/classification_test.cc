#include <gmock/gmock.h>

#include "posture/engine.h"
#include "posture/population/population.h"
#include "posture/rules/rule_lab.h"

namespace postern::posture {
namespace classification_rule {
namespace {

using namespace testing;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using enum Verdict;
using List = std::vector<std::string>;

TEST(Classification, AnyAndAllWithUnknownAndMissing) {
  const List both{"Lab", "Critical assets"};
  const auto any = make("classification", {{"tags", both}});
  const auto all = make("classification", {{"tags", both}, {"match", "all"}});
  const Fact yes = known(true), no = known(false), open = unknown(UnknownReason::kStale);
  const std::string lab = "classification/Lab", critical = "classification/Critical assets";
  expect_with_tags(*any, {{lab, yes}}, kMatch, "classified");
  expect_with_tags(*any, {{lab, no}, {critical, no}}, kNoMatch, "not_classified");
  expect_with_tags(*any, {{lab, no}, {critical, open}}, kUnknown, "classification_unknown");
  expect_with_tags(*any, {{lab, no}}, kUnknown, "classification_missing");
  expect_with_tags(*any, {{"Lab", yes}, {"Critical assets", yes}}, kUnknown, "classification_missing");
  expect_with_tags(*all, {{lab, yes}, {critical, yes}}, kMatch, "classified");
  expect_with_tags(*all, {{lab, yes}, {critical, no}}, kNoMatch, "not_classified");
  expect_with_tags(*all, {{lab, yes}}, kUnknown, "classification_missing");
  EXPECT_THAT(any->keys(), ElementsAre("tag:classification/Lab", "tag:classification/Critical assets"));
  EXPECT_EQ(any->describe(), "the endpoint is classified as Lab or Critical assets");
  EXPECT_EQ(all->describe(), "the endpoint is classified as Lab and Critical assets");
}

TagDefinition lab(TagKind kind, bool enabled = true) {
  TagDefinition out;
  out.name = TagName("Lab");
  out.kind = kind;
  out.enabled = enabled;
  out.rules = {{.id = 1, .type = "running-process", .parameters = {{"processes", List{"x"}}}}};
  return out;
}

TagDefinition not_in_lab(std::optional<List> also = std::nullopt) {
  TagDefinition out;
  out.name = TagName("Not in lab");
  List tags{"Lab"};
  if (also) tags.insert(tags.end(), also->begin(), also->end());
  out.rules = {{.id = 1, .type = "classification", .negate = true, .parameters = {{"tags", std::move(tags)}}}};
  return out;
}

// An older store may hold rules that refer to what nobody could refer to now: they grant nothing.
TEST(Classification, OnlyAnEnabledTagOfThatKindIsMeant) {
  TagEngine engine;
  Population population;
  FactMap facts = linux_facts();
  facts[keys::process_running("x")] = known(false);
  const Slot slot = population.add(kNow);
  for (const auto& [key, fact] : facts) population.set(slot, key, fact, kNow);
  const auto set = [&](TagId id, const TagDefinition& definition) {
    ASSERT_TRUE(engine.set(id, definition));
    ASSERT_TRUE(population.set_tag(id, engine.share(id), kNow));
  };
  const auto expect_states = [&](TagState state) {
    EXPECT_EQ(engine.evaluate(2, {facts, kNow}), state);
    EXPECT_EQ(engine.evaluate_all({facts, kNow}).state(2), state);
    EXPECT_EQ(population.state(slot, 2), state);
    EXPECT_EQ(engine.evaluate(4, {facts, kNow}), state);
    EXPECT_EQ(population.state(slot, 4), state);
  };
  set(2, not_in_lab());
  TagDefinition several = not_in_lab(List{"Elsewhere"});
  several.name = TagName("In neither");
  set(4, several);
  TagDefinition elsewhere = lab(TagKind::kClassification);
  elsewhere.name = TagName("Elsewhere");
  set(5, elsewhere);
  expect_states(TagState::kUnknown);  // it isn't there
  set(3, lab(TagKind::kClassification));
  expect_states(TagState::kHas);
  set(3, lab(TagKind::kSecurity));
  expect_states(TagState::kUnknown);
  set(3, lab(TagKind::kClassification, false));
  expect_states(TagState::kUnknown);
  set(3, lab(TagKind::kClassification));
  expect_states(TagState::kHas);
  EXPECT_THAT(engine.referring_to("Lab"), ElementsAre(2, 4));
  TagDefinition circle = lab(TagKind::kClassification);
  circle.rules = not_in_lab().rules;
  EXPECT_FALSE(engine.set(3, circle));
}

TEST(Classification, Refusals) {
  EXPECT_THAT(refusal("classification", {}), HasSubstr("tags: is missing"));
  EXPECT_THAT(refusal("classification", {{"tags", List{"a/b"}}}), HasSubstr("tags[0]: \"a/b\" is no tag's name; it has 1 to 63"));
}

}  // namespace
}  // namespace classification_rule
}  // namespace postern::posture
