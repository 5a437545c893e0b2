// A tag that comes when endpoints are there says of each what it would have said had it been there before them, and holds as long.
#include <gtest/gtest.h>

#include <map>
#include <memory>

#include "posture/compiled_tag.h"
#include "posture/population/population.h"
#include "posture/test_facts.h"

namespace postern::posture {
namespace {

using testing::kNow;
using testing::known;
using testing::text;

class EndpointJudgeTest : public ::testing::Test {
 protected:
  static constexpr TagId kTag = 7;

  static RuleSpec rule(std::uint32_t id, const std::string& type, Parameters parameters, std::optional<Seconds> max_age = {}) {
    RuleSpec out;
    out.id = id;
    out.type = type;
    out.parameters = std::move(parameters);
    out.max_age = max_age;
    return out;
  }
  static std::shared_ptr<const CompiledTag> tag(std::vector<RuleSpec> rules) {
    TagDefinition definition;
    definition.name = TagName("Judged");
    definition.rules = std::move(rules);
    auto compiled = compile_tag(std::move(definition));
    EXPECT_TRUE(compiled) << compiled.error().message;
    return std::make_shared<const CompiledTag>(std::move(*compiled));
  }

  /// An endpoint with these facts that gave its last sign of life `seen` before now; none: nobody says.
  void endpoint(FactMap facts, std::optional<Seconds> seen = {}) {
    facts[std::string(keys::kOsFamily)] = text("linux");
    endpoints_.push_back({std::move(facts), seen ? kNow.wall - *seen : WallTime::min()});
  }
  static Fact collected(FactValue value, Seconds ago) { return {std::move(value), kNow.wall - ago, "test"}; }

  struct Outcome {
    std::vector<TagState> states;
    /// When each is to be judged again; nothing: never.
    std::map<Slot, WallTime> due;
  };
  /// `first`: the tag is there before the endpoints.
  Outcome outcome(const std::shared_ptr<const CompiledTag>& tag, bool first) {
    Population population;
    if (first) {
      EXPECT_TRUE(population.set_tag(kTag, tag, kNow));
    }
    for (const auto& [facts, confirmed] : endpoints_) {
      const Slot slot = population.add(kNow);
      std::vector<Population::Change> changes;
      for (const auto& [key, fact] : facts) changes.push_back({key, &fact});
      population.apply(slot, changes, kNow);
      population.confirm(slot, confirmed, kNow);
      population.judge_again(slot, kNow);  // what was noted on the way there is gone
    }
    if (!first) {
      const auto would = population.what_if(kTag, *tag, kNow);
      EXPECT_FALSE(population.next_deadline());  // a draft's are nobody's
      EXPECT_TRUE(population.set_tag(kTag, tag, kNow));
      EXPECT_EQ(would.has, population.count(kTag).has);
      EXPECT_EQ(would.unknown, population.count(kTag).unknown);
    }
    Outcome out;
    for (Slot slot = 0; slot < endpoints_.size(); ++slot) out.states.push_back(population.state(slot, kTag));
    while (const auto next = population.next_deadline()) {
      const auto slot = population.due(*next);
      if (!slot) break;
      out.due[*slot] = *next;
      population.remove(*slot);
    }
    return out;
  }
  Outcome both(const std::shared_ptr<const CompiledTag>& tag) {
    const Outcome after = outcome(tag, false), one_by_one = outcome(tag, true);
    EXPECT_EQ(after.states, one_by_one.states);
    EXPECT_EQ(after.due.size(), one_by_one.due.size());
    for (const auto& [slot, when] : after.due) {
      EXPECT_GT(when, kNow.wall);
      // Looked at sooner than need be, it is found to hold still; later it would go on for too long.
      EXPECT_TRUE(one_by_one.due.contains(slot) && when <= one_by_one.due.at(slot)) << slot;
    }
    return after;
  }

 private:
  std::vector<std::pair<FactMap, WallTime>> endpoints_;
};

TEST_F(EndpointJudgeTest, AFactIsAsOldAsTheLastSignOfLife) {
  const std::string key = keys::file_exists("/a");
  const auto with = [&](FactValue value, Seconds ago) { return FactMap{{key, collected(std::move(value), ago)}}; };
  endpoint(with(true, Seconds(600)));               // 0: just fresh
  endpoint(with(true, Seconds(601)));               // 1: too old
  endpoint(with(true, Seconds(601)), Seconds(600));  // 2: confirmed since
  endpoint(with(true, Seconds(900)), Seconds(601));  // 3: not lately
  endpoint(with(false, Seconds(30)), Seconds(60));   // 4: collected after it
  endpoint(with(false, Seconds(900)));              // 5
  endpoint(with(Unknown{UnknownReason::kFailed}, Seconds(900)), Seconds(5));  // 6
  endpoint({});                                     // 7
  const auto judged = both(tag({rule(1, "file", {{"paths", std::vector<std::string>{"/a"}}}, Seconds(600))}));
  using enum TagState;
  EXPECT_EQ(judged.states, (std::vector{kHas, kUnknown, kHas, kUnknown, kAbsent, kUnknown, kUnknown, kUnknown}));
  const auto next = kNow.wall + Millis(1);
  EXPECT_EQ(judged.due, (std::map<Slot, WallTime>{{0, next}, {2, next}, {4, next + Seconds(540)}}));
}

TEST_F(EndpointJudgeTest, WhatTheEmsKnowsGrowsOldOnlyIfItWasTold) {
  const std::string told(keys::kEmsVulnReceivedAt), itself(keys::kEmsOnline);
  endpoint({{itself, collected(true, Seconds(9000))}, {told, collected(to_unix_ms(kNow.wall), Seconds(9000))}}, Seconds(1));
  endpoint({{itself, collected(true, Seconds(9000))}, {told, collected(to_unix_ms(kNow.wall), Seconds(60))}});
  const auto online = both(tag({rule(1, "last-seen", {{"within_minutes", std::int64_t{5}}}, Seconds(600))}));
  EXPECT_EQ(online.states, (std::vector{TagState::kHas, TagState::kHas}));
  EXPECT_TRUE(online.due.empty());
  const auto scanned = both(tag({rule(1, "vulnerability-scan-age", {{"max_hours", std::int64_t{1}}}, Seconds(600))}));
  EXPECT_EQ(scanned.states, (std::vector{TagState::kUnknown, TagState::kHas}));
  EXPECT_EQ(scanned.due, (std::map<Slot, WallTime>{{1, kNow.wall + Seconds(540) + Millis(1)}}));
}

TEST_F(EndpointJudgeTest, EndpointsWithTheSameValuesDifferByTheirSignsOfLife) {
  const FactMap away{{std::string(keys::kEmsOnline), known(false)}}, here{{std::string(keys::kEmsOnline), known(true)}};
  endpoint(here, Seconds(900));
  endpoint(away, Seconds(300));
  endpoint(away, Seconds(301));
  endpoint(away);
  endpoint(away, Seconds(10));
  const auto judged = both(tag({rule(1, "last-seen", {{"within_minutes", std::int64_t{5}}})}));
  using enum TagState;
  EXPECT_EQ(judged.states, (std::vector{kHas, kHas, kAbsent, kUnknown, kHas}));
  const auto next = kNow.wall + Millis(1);
  EXPECT_EQ(judged.due, (std::map<Slot, WallTime>{{1, next}, {4, next + Seconds(290)}}));
}

TEST_F(EndpointJudgeTest, TimeItselfEndsWhatOneValueSays) {
  const std::string key(keys::kEmsVulnReceivedAt);
  const auto told = [&](Seconds ago) { return FactMap{{key, known(to_unix_ms(kNow.wall - ago))}}; };
  for (const Seconds ago : {Seconds(3600), Seconds(3601), Seconds(10), Seconds(10)}) endpoint(told(ago));
  const auto judged = both(tag({rule(1, "vulnerability-scan-age", {{"max_hours", std::int64_t{1}}})}));
  using enum TagState;
  EXPECT_EQ(judged.states, (std::vector{kHas, kAbsent, kHas, kHas}));
  const auto next = kNow.wall + Millis(1);
  EXPECT_EQ(judged.due, (std::map<Slot, WallTime>{{0, next}, {2, next + Seconds(3590)}, {3, next + Seconds(3590)}}));
  // Of no fact at all.
  const auto hours = both(tag({rule(1, "time", {{"from", std::string("00:00")}, {"to", std::string("20:30")}})}));
  EXPECT_EQ(hours.states, (std::vector{kHas, kHas, kHas, kHas}));  // 2026-05-28T20:28:10Z
  EXPECT_EQ(hours.due.size(), 4u);
}

}  // namespace
}  // namespace postern::posture
