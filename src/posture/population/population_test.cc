#include "posture/population/population.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "posture/test_facts.h"

namespace postern::posture {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::kNow;
using testing::known;
using testing::text;

std::shared_ptr<const CompiledTag> tag_of(const std::string& name, std::vector<RuleSpec> rules,
                                          const std::string& logic = {}) {
  TagDefinition definition;
  definition.name = TagName(name);
  definition.rules = std::move(rules);
  if (!logic.empty()) definition.logic[OsFamily::kLinux] = logic;
  auto tag = compile_tag(std::move(definition));
  EXPECT_TRUE(tag.has_value()) << tag.error().message;
  return std::make_shared<const CompiledTag>(std::move(*tag));
}

RuleSpec runs(std::uint32_t id, const std::string& process) {
  RuleSpec rule;
  rule.id = id;
  rule.type = "running-process";
  rule.parameters["processes"] = std::vector<std::string>{process};
  return rule;
}

RuleSpec has_tag(std::uint32_t id, const std::string& name) {
  RuleSpec rule;
  rule.id = id;
  rule.type = "tag";
  rule.parameters["tags"] = std::vector<std::string>{name};
  return rule;
}

TEST(Population, AFactLeadsToATag) {
  Population population;
  ASSERT_TRUE(population.set_tag(2, tag_of("Shell", {runs(1, "sshd")}), kNow));
  const Slot slot = population.add(kNow);
  EXPECT_EQ(population.state(slot, 2), TagState::kUnknown);  // nobody knows its system
  EXPECT_EQ(population.count(2), (Population::Counts{0, 1}));
  EXPECT_THAT(population.set(slot, keys::kOsFamily, text("linux"), kNow), ElementsAre());
  EXPECT_THAT(population.set(slot, keys::process_running("sshd"), known(true), kNow),
              ElementsAre(TagChange{2, TagState::kUnknown, TagState::kHas}));
  EXPECT_THAT(population.set(slot, keys::process_running("cupsd"), known(true), kNow), ElementsAre());
  EXPECT_THAT(population.erase(slot, keys::process_running("sshd"), kNow),
              ElementsAre(TagChange{2, TagState::kHas, TagState::kUnknown}));
  EXPECT_THAT(population.set(slot, keys::kOsFamily, text("windows"), kNow),
              ElementsAre(TagChange{2, TagState::kUnknown, TagState::kAbsent}));
  // No rule can be written for such a one: saying so rids it of no tag.
  EXPECT_THAT(population.set(slot, keys::kOsFamily, text("plan9"), kNow),
              ElementsAre(TagChange{2, TagState::kAbsent, TagState::kUnknown}));
  EXPECT_EQ(population.get(slot, keys::process_running("cupsd")), known(true));
  EXPECT_EQ(population.get(slot, "never.reported"), std::nullopt);
  EXPECT_EQ(population.facts(slot).size(), 2u);
}

TEST(Population, ASlotIsGivenAgainWithNothingLeft) {
  Population population;
  ASSERT_TRUE(population.set_tag(2, tag_of("Shell", {runs(1, "sshd")}), kNow));
  const Slot slot = population.add(kNow);
  population.set(slot, keys::kOsFamily, text("linux"), kNow);
  population.set(slot, keys::process_running("sshd"), known(true), kNow);
  population.remove(slot);
  EXPECT_EQ(population.size(), 0u);
  EXPECT_EQ(population.count(2), Population::Counts{});
  EXPECT_EQ(population.add(kNow), slot);
  EXPECT_TRUE(population.facts(slot).empty());
  EXPECT_EQ(population.state(slot, 2), TagState::kUnknown);
}

TEST(Population, TagsFollowThoseTheyReferTo) {
  Population population;
  const Slot slot = population.add(kNow);
  population.set(slot, keys::kOsFamily, text("linux"), kNow);
  ASSERT_TRUE(population.set_tag(5, tag_of("Third", {has_tag(1, "Second")}), kNow));
  ASSERT_TRUE(population.set_tag(6, tag_of("Second", {has_tag(1, "First"), runs(2, "clamd")}, "not 1 or 2"), kNow));
  EXPECT_EQ(population.state(slot, 5), TagState::kUnknown);  // there is no first
  std::vector<TagEffect> effects;
  ASSERT_TRUE(population.set_tag(7, tag_of("First", {runs(1, "sshd")}), kNow, &effects));
  EXPECT_THAT(
      population.set(slot, keys::process_running("sshd"), known(false), kNow),
      ElementsAre(TagChange{7, TagState::kUnknown, TagState::kAbsent}, TagChange{6, TagState::kUnknown, TagState::kHas},
                  TagChange{5, TagState::kUnknown, TagState::kHas}));
  // No circle, and nothing changes when one is refused.
  const Status refused = population.set_tag(7, tag_of("First", {has_tag(1, "Third")}), kNow);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kInvalidArgument);
  EXPECT_THAT(refused.error().message, HasSubstr("\"First\" would refer to itself"));
  EXPECT_EQ(population.state(slot, 5), TagState::kHas);
  const Status named = population.set_tag(8, tag_of("First", {runs(1, "cupsd")}), kNow);
  ASSERT_FALSE(named);
  EXPECT_EQ(named.error().code, ErrorCode::kAlreadyExists);
  effects.clear();
  ASSERT_TRUE(population.remove_tag(7, kNow, &effects));
  EXPECT_EQ(population.state(slot, 5), TagState::kUnknown);
  EXPECT_EQ(effects.size(), 2u);
}

TEST(Population, AFactThatGrowsOldIsDueAndASignOfLifeMakesItYoung) {
  Population population;
  RuleSpec rule = runs(1, "sshd");
  rule.max_age = Seconds(60);
  ASSERT_TRUE(population.set_tag(2, tag_of("Shell", {rule}), kNow));
  const Slot slot = population.add(kNow);
  population.set(slot, keys::kOsFamily, text("linux"), kNow);
  Fact fact = known(true);
  fact.collected_at = kNow.wall;
  population.set(slot, keys::process_running("sshd"), fact, kNow);
  EXPECT_EQ(population.state(slot, 2), TagState::kHas);
  ASSERT_EQ(population.next_deadline(), kNow.wall + Seconds(60) + Millis(1));
  Now later = kNow;
  later.wall += Seconds(61);
  ASSERT_EQ(population.due(later.wall), slot);
  EXPECT_THAT(population.judge_again(slot, later), ElementsAre(TagChange{2, TagState::kHas, TagState::kUnknown}));
  EXPECT_FALSE(population.next_deadline());
  EXPECT_THAT(population.confirm(slot, later.wall, later),
              ElementsAre(TagChange{2, TagState::kUnknown, TagState::kHas}));
}

TEST(Population, WhatIfTellsWithoutDoing) {
  Population population;
  ASSERT_TRUE(population.set_tag(2, tag_of("Shell", {runs(1, "sshd")}), kNow));
  std::vector<Slot> slots;
  for (int i = 0; i < 5000; ++i) {
    slots.push_back(population.add(kNow));
    population.set(slots.back(), keys::kOsFamily, text("linux"), kNow);
    population.set(slots.back(), keys::process_running("sshd"), known(i % 2 == 0), kNow);
    if (i % 3 != 0) population.set(slots.back(), keys::process_running("clamd"), known(i % 3 == 1), kNow);
  }
  const std::size_t conditions = population.conditions();
  const TagEffect effect = population.what_if(2, *tag_of("Shell", {runs(1, "clamd")}), kNow);
  std::uint64_t gain = 0, lose = 0, unknown = 0;
  for (std::size_t i = 0; i < slots.size(); ++i) {
    gain += i % 3 == 1 && i % 2 != 0 ? 1 : 0;
    lose += i % 3 == 2 && i % 2 == 0 ? 1 : 0;
    unknown += i % 3 == 0 ? 1 : 0;
    EXPECT_EQ(effect.gain.contains(slots[i]), i % 3 == 1 && i % 2 != 0);
  }
  EXPECT_EQ(effect.gain.size(), gain);
  EXPECT_EQ(effect.lose.size(), lose);
  EXPECT_EQ(effect.become_unknown.size(), unknown);
  EXPECT_EQ(effect.unknown, unknown);
  EXPECT_EQ(population.conditions(), conditions);
  EXPECT_EQ(population.count(2).has, 2500u);
}

TEST(Population, KeysThatNobodyHasAreForgotten) {
  Population population;
  const Slot slot = population.add(kNow);
  for (int i = 0; i < 5000; ++i) {
    const std::string key = "attribute" + std::to_string(i);
    population.set(slot, key, known(std::int64_t{i}), kNow);
    population.erase(slot, key, kNow);
  }
  EXPECT_LT(population.memory().other, 100'000u);
  EXPECT_TRUE(population.facts(slot).empty());
}

TEST(Population, ADisabledTagSaysNothingToThoseThatReferToIt) {
  const auto not_a = [] {
    RuleSpec rule = has_tag(1, "A");
    rule.negate = true;
    return rule;
  };
  TagDefinition off;
  off.name = TagName("A");
  off.rules = {runs(1, "sshd")};
  off.enabled = false;
  const auto disabled = std::make_shared<const CompiledTag>(*compile_tag(off));
  Population population;
  ASSERT_TRUE(population.set_tag(2, tag_of("A", {runs(1, "sshd")}), kNow));
  ASSERT_TRUE(population.set_tag(3, tag_of("Not A", {not_a()}), kNow));
  const Slot slot = population.add(kNow);
  population.set(slot, keys::kOsFamily, text("linux"), kNow);
  population.set(slot, keys::process_running("sshd"), known(true), kNow);
  EXPECT_EQ(population.state(slot, 3), TagState::kAbsent);
  ASSERT_TRUE(population.set_tag(2, disabled, kNow));
  EXPECT_EQ(population.state(slot, 2), TagState::kAbsent);
  EXPECT_EQ(population.state(slot, 3), TagState::kUnknown);
  population.set(slot, keys::process_running("sshd"), known(false), kNow);
  EXPECT_EQ(population.state(slot, 3), TagState::kUnknown);
  ASSERT_TRUE(population.set_tag(2, tag_of("A", {runs(1, "sshd")}), kNow));
  EXPECT_EQ(population.state(slot, 3), TagState::kHas);
  ASSERT_TRUE(population.set_tag(2, disabled, kNow));
  EXPECT_EQ(population.state(slot, 3), TagState::kUnknown);
}

}  // namespace
}  // namespace postern::posture
