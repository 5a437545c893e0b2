// Ten thousand rules, and tags as deep as they may be: what they cost is counted, for time depends on the machine.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "posture/engine.h"
#include "posture/population/population.h"
#include "posture/test_facts.h"

namespace postern::posture {
namespace many_rules_rule {
namespace {

using testing::kNow;
using testing::known;
using testing::text;

constexpr std::size_t kTags = 100;
constexpr std::size_t kPackages = 40;  // one per rule of a tag would be more facts than agents are asked for
constexpr std::size_t kEndpoints = 3;
constexpr std::size_t kPartsOfOne = 9;  // conditions of a rule: by each order of versions, and whether it is that order

std::string package(std::size_t n) { return fmt::format("p{}", n % kPackages); }

/// Rule `n` of all asks for a version of its own.
RuleSpec rule(std::size_t n) {
  RuleSpec out;
  out.id = static_cast<std::uint32_t>(n % kMaxRules + 1);
  out.type = "package";
  out.parameters = {
      {"packages", std::vector<std::string>{package(n)}}, {"op", ">="}, {"version", std::to_string(n / kPackages)}};
  return out;
}

/// Any of its hundred rules gives it.
TagDefinition tag(std::size_t n) {
  TagDefinition out;
  out.name = TagName(fmt::format("T{}", n));
  std::string any;
  for (std::size_t i = 0; i < kMaxRules; ++i) {
    out.rules.push_back(rule(n * kMaxRules + i));
    any += fmt::format("{}{}", i == 0 ? "" : " or ", i + 1);
  }
  out.logic[OsFamily::kLinux] = any;
  return out;
}

/// Refers to the one before it, and is nested as deep as logic may be; an even number of nots changes nothing.
TagDefinition level(std::size_t n) {
  TagDefinition out;
  out.name = TagName(fmt::format("Level{}", n));
  RuleSpec refers;
  refers.id = 1;
  refers.type = "tag";
  refers.parameters["tags"] = std::vector<std::string>{n == 0 ? "T0" : fmt::format("Level{}", n - 1)};
  out.rules = {refers};
  static_assert(kMaxLogicDepth % 2 == 0);
  for (std::size_t i = 0; i < kMaxLogicDepth; ++i) out.logic[OsFamily::kLinux] += "not ";
  out.logic[OsFamily::kLinux] += "1";
  return out;
}

std::vector<TagDefinition> everything() {
  std::vector<TagDefinition> out;
  for (std::size_t i = 0; i < kTags; ++i) out.push_back(tag(i));
  for (std::size_t i = 0; i + 1 < kMaxTagDepth; ++i) out.push_back(level(i));
  return out;
}

Fact version(std::size_t n) { return known(std::vector<std::string>{std::to_string(n)}); }

class ManyRules : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto definitions = everything();
    std::vector<Population::TagEdit> edits;
    for (TagId id = 2; const TagDefinition& definition : definitions) {
      auto compiled = compile_tag(definition);
      ASSERT_TRUE(compiled) << compiled.error().message;
      edits.push_back({id++, std::make_shared<const CompiledTag>(std::move(*compiled))});
    }
    tags_ = edits.size();
    top_ = edits.back().id;
    ASSERT_TRUE(population_.change_tags(edits, kNow));
    for (Slot& slot : slots_) {
      slot = population_.add(kNow);
      population_.set(slot, keys::kOsFamily, text("linux"), kNow);
      population_.set(slot, keys::kOsId, text("debian"), kNow);
      for (std::size_t i = 0; i < kPackages; ++i)
        population_.set(slot, "package.versions:" + package(i), known(std::vector<std::string>{}), kNow);
    }
  }

  Population population_;
  std::array<Slot, kEndpoints> slots_{};
  std::size_t tags_ = 0;
  TagId top_ = 0;
};

TEST_F(ManyRules, AChangedFactJudgesEachTagOnceAndNoOtherEndpoint) {
  EXPECT_LE(population_.conditions(), kTags * kMaxRules * kPartsOfOne);
  EXPECT_LT(population_.memory().total(), std::size_t{64} << 20);
  const auto before = population_.judged();
  const auto changes = population_.set(slots_[1], "package.versions:p0", version(0), kNow);
  EXPECT_LE(population_.judged() - before, tags_);
  // p0's rule 0 is in T0, and above it stand all levels.
  EXPECT_EQ(changes.size(), kMaxTagDepth);
  for (const Slot slot : slots_)
    EXPECT_EQ(population_.state(slot, top_), slot == slots_[1] ? TagState::kHas : TagState::kAbsent);
  EXPECT_EQ(population_.count(top_), (Population::Counts{1, 0}));
  // Once every rule over p0 holds, every tag does, and none again when a newer version comes.
  population_.set(slots_[1], "package.versions:p0", version(kTags * kMaxRules), kNow);
  EXPECT_EQ(population_.tags(slots_[1]).has().size(), tags_);
  EXPECT_TRUE(population_.set(slots_[1], "package.versions:p0", version(2 * kTags * kMaxRules), kNow).empty());
}

TEST(ManyRulesOfAnEngine, SayTheSameAndATagIsExplainedByItsOwnAlone) {
  TagEngine engine;
  const auto definitions = everything();
  for (TagId id = 2; const TagDefinition& definition : definitions) ASSERT_TRUE(engine.set(id++, definition));
  FactMap facts = testing::linux_facts();
  facts[std::string(keys::kOsId)] = text("debian");
  for (std::size_t i = 0; i < kPackages; ++i)
    facts["package.versions:" + package(i)] = known(std::vector<std::string>{});
  facts["package.versions:p0"] = version(0);
  for (TagId id = 2; id < 2 + definitions.size(); ++id)
    EXPECT_EQ(engine.evaluate(id, FactView(facts, kNow)),
              id == 2 || id >= 2 + kTags ? TagState::kHas : TagState::kAbsent)
        << id;
  const auto why = engine.explain(2, FactView(facts, kNow));
  ASSERT_TRUE(why);
  EXPECT_EQ(why->rules.size(), kMaxRules);
}

}  // namespace
}  // namespace many_rules_rule
}  // namespace postern::posture
