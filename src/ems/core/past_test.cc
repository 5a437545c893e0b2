// The past as it is told is the past as it was: names of then, and what was said of endpoints while they were silent.
#include <gmock/gmock.h>

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "ems/core/judging_lab.h"
#include "posture/fact_keys.h"
#include "posture/tag_json.h"

namespace postern::ems::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

/// By whether this process runs.
std::string tag_of(const std::string& name, const std::string& process, const std::string& more = "") {
  return fmt::format(R"({{"name":"{}","rules":[{{"id":1,"os":"linux","type":"running-process","processes":["{}"]{}}}]}})", name, process,
                     more);
}

class Past : public Judging {
 protected:
  Result<posture::TagExplanation> why(const TestAgent& agent, const std::string& tag, WallTime at) {
    Result<posture::TagExplanation> out = fail(ErrorCode::kInternal, "never answered");
    core->explain_past(clock.now(), agent.uid(), tag, at, [&out](auto answer) { out = std::move(answer); });
    run();
    return out;
  }
  TagState state_then(const TestAgent& agent, const std::string& tag, WallTime at) {
    const auto told = why(agent, tag, at);
    EXPECT_TRUE(told) << tag << ": " << told.error().message;
    return told ? told->state : TagState::kUnknown;
  }
  /// A moment that stays the last one before whatever comes next.
  WallTime moment() {
    const auto out = clock.now().wall;
    clock.advance(Millis(10));
    return out;
  }
  /// It runs "sshd" and nothing else.
  void join_with_sshd(TestAgent& agent) {
    join(agent);
    report(agent, {{keys::process_running("sshd"), true}, {keys::process_running("cups"), false}});
    run();
    clock.advance(Millis(10));
  }
};

TEST_F(Past, ATagIsAskedForByItsNameOfThen) {
  TestAgent a;
  join_with_sshd(a);
  const auto never = moment();
  ASSERT_TRUE(save(tag_of("X", "sshd")));
  const auto as_x = moment();
  ASSERT_TRUE(save(tag_of("Y", "sshd"), "X"));
  const auto as_y = moment();
  EXPECT_EQ(state_then(a, "X", as_x), TagState::kHas);
  EXPECT_EQ(state_then(a, "Y", as_y), TagState::kHas);
  EXPECT_EQ(why(a, "X", as_y).error().message, "there was no tag X then");
  EXPECT_EQ(why(a, "Y", never).error().message, "there was no tag Y then");
  const auto other = why(a, "Y", as_x);
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().code, ErrorCode::kNotFound);
  EXPECT_EQ(other.error().message, "there was no tag Y then; the tag that is called so now was called X: ask for X");
  // Another one has the old name by now, and then the first one is gone.
  ASSERT_TRUE(save(tag_of("X", "cups")));
  const auto both = moment();
  ASSERT_TRUE(remove("Y"));
  clock.advance(Millis(10));
  EXPECT_EQ(state_then(a, "X", as_x), TagState::kHas);
  EXPECT_EQ(state_then(a, "X", both), TagState::kAbsent);
  EXPECT_EQ(state_then(a, "Y", both), TagState::kHas);
  ASSERT_TRUE(undo("Y"));
  clock.advance(Millis(10));
  EXPECT_EQ(state_then(a, "X", as_x), TagState::kHas);
  EXPECT_EQ(state_then(a, "Y", as_y), TagState::kHas);
}

TEST_F(Past, TagsThatHadANameOneAfterAnotherAreToldApart) {
  TestAgent a;
  join_with_sshd(a);
  ASSERT_TRUE(save(tag_of("A", "sshd")));
  const auto first = moment();
  ASSERT_TRUE(remove("A"));
  const auto none = moment();
  ASSERT_TRUE(save(tag_of("A", "cups")));
  const auto second = moment();
  ASSERT_TRUE(save(tag_of("B", "sshd")));
  ASSERT_TRUE(remove("A"));
  ASSERT_TRUE(save(tag_of("A", "sshd"), "B"));
  const auto third = moment();
  const auto check = [&] {
    EXPECT_EQ(state_then(a, "A", first), TagState::kHas);
    EXPECT_EQ(why(a, "A", none).error().message, "there was no tag A then");
    EXPECT_EQ(state_then(a, "A", second), TagState::kAbsent);
    EXPECT_EQ(state_then(a, "A", third), TagState::kHas);
  };
  check();
  ASSERT_EQ(undo("A")->name, "B");
  clock.advance(Millis(10));
  check();
}

TEST_F(Past, NamesThatChangeHandsInOneTransactionAreToldApart) {
  TestAgent a;
  join_with_sshd(a);
  ASSERT_TRUE(save(tag_of("Old", "sshd")));
  ASSERT_TRUE(save(tag_of("Other", "cups")));
  ASSERT_TRUE(remove("Old"));
  const auto before = moment();
  // Nothing is committed in between: the tag that comes back has the lesser number, and takes the other one's name.
  const auto later = [&](const std::string& json, const std::string& name) {
    core->save_tag(clock.now(), admin, name, *posture::parse_tag_json(json), false, nullptr);
  };
  core->undo_tag(clock.now(), admin, "Old", 0, "", nullptr);
  later(tag_of("Away", "cups"), "Other");
  later(tag_of("Other", "sshd"), "Old");
  run();
  const auto after = moment();
  EXPECT_EQ(state_then(a, "Other", before), TagState::kAbsent);
  EXPECT_EQ(state_then(a, "Other", after), TagState::kHas);
  EXPECT_EQ(state_then(a, "Away", after), TagState::kAbsent);
  EXPECT_EQ(why(a, "Away", before).error().message, "there was no tag Away then; the tag that is called so now was called Other: ask for Other");
}

TEST_F(Past, WhatIsDoneWhileTheLogIsReadChangesNothingOfIt) {
  TestAgent a;
  join_with_sshd(a);
  ASSERT_TRUE(save(tag_of("X", "sshd")));
  const auto then = moment();
  for (int i = 0; i < 900; ++i) ASSERT_TRUE(save(tag_of("Busy", i % 2 == 0 ? "cups" : "sshd")));
  Result<posture::TagExplanation> told = fail(ErrorCode::kInternal, "never answered");
  bool answered = false;
  core->explain_past(clock.now(), a.uid(), "X", then, [&](auto answer) {
    answered = true;
    told = std::move(answer);
  });
  std::string name = "X";
  int turns = 0;
  for (; !answered && turns < 100; ++turns) {
    const auto next = fmt::format("X{}", turns);
    core->save_tag(clock.now(), admin, name, *posture::parse_tag_json(tag_of(next, "cups")), false, nullptr);
    name = next;
    core->flush(clock.now());
    for (auto& action : core->take_actions()) {
      if (auto* complete = std::get_if<act::Complete>(&action)) complete->call();
    }
  }
  EXPECT_GT(turns, 4);
  ASSERT_TRUE(told) << told.error().message;
  EXPECT_EQ(told->name.str(), "X");
  EXPECT_EQ(told->state, TagState::kHas);
}

TEST_F(Past, WhatRulesReferToHadItsNameOfThen) {
  TestAgent a;
  join_with_sshd(a);
  ASSERT_TRUE(save(tag_of("Below", "sshd")));
  ASSERT_TRUE(save(R"({"name":"Above","rules":[{"id":1,"os":"linux","type":"tag","tags":["Below"]}]})"));
  const auto then = moment();
  ASSERT_TRUE(remove("Above"));
  ASSERT_TRUE(save(tag_of("Moved", "sshd"), "Below"));
  ASSERT_TRUE(save(tag_of("Below", "cups")));
  clock.advance(Millis(10));
  EXPECT_EQ(state_then(a, "Above", then), TagState::kHas);
}

TEST_F(Past, WhatALossDelayKeptIsTheTagsWhateverItIsCalledNow) {
  TestAgent a;
  join_with_sshd(a);
  ASSERT_TRUE(save(R"({"name":"X","loss_delay":60,"rules":[{"id":1,"os":"linux","type":"running-process","processes":["sshd"]}]})"));
  report(a, {{keys::process_running("sshd"), false}});
  run();
  const auto kept = moment();
  ASSERT_TRUE(save(R"({"name":"Y","loss_delay":60,"rules":[{"id":1,"os":"linux","type":"running-process","processes":["sshd"]}]})", "X"));
  wait(a, Seconds(70), true);
  const auto lost = moment();
  ASSERT_EQ(state(a, "Y"), TagState::kAbsent);
  const auto told = why(a, "X", kept);
  ASSERT_TRUE(told) << told.error().message;
  EXPECT_EQ(told->reason, "held");
  EXPECT_EQ(state_then(a, "Y", lost), TagState::kAbsent);
}

TEST_F(Past, WhoWasSilentForTheTagTimeoutHadNoTagsAnyMore) {
  save_process_tag();
  TestAgent a;
  join_with_sshd(a);
  const auto heard = core->endpoint(a.uid())->last_seen;
  wait(a, Seconds(3500), false);
  const auto still = clock.now().wall;
  wait(a, Seconds(150), false);
  const auto no_more = clock.now().wall;  // its being offline was noted three minutes after it was heard last
  ASSERT_EQ(state(a, "Has-sshd"), TagState::kUnknown);
  wait(a, Seconds(600), false);
  connect(a, a.seq);
  keep_alive(a);
  clock.advance(Seconds(1));
  EXPECT_EQ(state_then(a, "Has-sshd", still), TagState::kHas);
  const auto told = why(a, "Has-sshd", no_more);
  ASSERT_TRUE(told) << told.error().message;
  EXPECT_EQ(told->state, TagState::kUnknown);
  EXPECT_EQ(told->reason, "silent");
  EXPECT_THAT(told->text, StartsWith("it was offline, and what it had reported was confirmed until " + to_iso8601(heard) + "; what"));
  const auto log = core->history(a.uid().str(), 0, 100);
  ASSERT_TRUE(log);
  EXPECT_TRUE(std::ranges::any_of(*log, [&](const Change& c) {
    return c.json.find(R"("last_seen":")" + to_iso8601(heard) + R"(","event":"offline")") != c.json.npos;
  }));
}

TEST_F(Past, WhoComesBackWhileTheLogIsReadWasSilentAllTheSame) {
  save_process_tag();
  TestAgent a;
  join_with_sshd(a);
  const auto heard = to_iso8601(core->endpoint(a.uid())->last_seen);
  wait(a, Seconds(3700), false);
  connect(a, a.seq);
  Result<posture::TagExplanation> told = fail(ErrorCode::kInternal, "never answered");
  core->explain_past(clock.now(), a.uid(), "Has-sshd", moment(), [&told](auto answer) { told = std::move(answer); });
  core->flush(clock.now());
  keep_alive(a);
  ASSERT_EQ(state(a, "Has-sshd"), TagState::kHas);
  ASSERT_TRUE(told) << told.error().message;
  EXPECT_EQ(told->reason, "silent");
  EXPECT_THAT(told->text, StartsWith("it was offline, and what it had reported was confirmed until " + heard));
}

TEST_F(Past, SoItIsOfAnEmsThatBeganAnewMeanwhile) {
  save_process_tag();
  TestAgent a;
  join_with_sshd(a);
  const auto heard = core->endpoint(a.uid())->last_seen;
  std::vector<std::pair<WallTime, TagState>> said;
  for (int i = 0; i < 10; ++i) {
    wait(a, Seconds(400), false);
    said.emplace_back(clock.now().wall, state(a, "Has-sshd"));
    clock.advance(Seconds(60));  // excused
    restart();
  }
  EXPECT_EQ(said.front().second, TagState::kHas);
  EXPECT_EQ(said.back().second, TagState::kUnknown);
  for (const auto& [at, state] : said) EXPECT_EQ(state_then(a, "Has-sshd", at), state) << to_iso8601(at);
  EXPECT_LT(heard + Seconds(3600), said[7].first);
  EXPECT_EQ(said[7].second, TagState::kHas);
}

TEST_F(Past, WhatGrewOldWhileItWasOnlineHadGrownOld) {
  ASSERT_TRUE(save(tag_of("Fresh", "sshd", R"(,"max_age":60)")));
  TestAgent a;
  join_with_sshd(a);
  wait(a, Seconds(90), false);
  const auto stale = clock.now().wall;
  ASSERT_TRUE(core->endpoint(a.uid())->online);
  ASSERT_EQ(state(a, "Fresh"), TagState::kUnknown);
  const auto check = [&] {
    const auto told = why(a, "Fresh", stale);
    ASSERT_TRUE(told) << told.error().message;
    EXPECT_EQ(told->state, TagState::kUnknown);
    EXPECT_EQ(told->rules.at(0).reason, "stale");
  };
  clock.advance(Seconds(1));
  check();  // it is silent still
  keep_alive(a);
  ASSERT_EQ(state(a, "Fresh"), TagState::kHas);
  wait(a, Seconds(20), true);
  check();
}

/// Some hundred things that people and endpoints do, with what was said of each tag at each step.
class PastAtRandom : public Past, public ::testing::WithParamInterface<int> {
 protected:
  static constexpr std::array<const char*, 5> kNames{"A", "B", "C", "D", "E"};
  static constexpr std::array<const char*, 2> kProcesses{"sshd", "cups"};
  struct Said {
    WallTime at{};
    std::size_t agent = 0;
    std::string tag;
    bool there = false;
    TagState state = TagState::kAbsent;
    std::string reason;
  };

  bool chance(std::uint64_t percent) { return dice.below(100) < percent; }
  std::string name() { return kNames.at(dice.below(kNames.size())); }
  TestAgent& agent() { return agents.at(dice.below(agents.size())); }

  void look() {
    core->tick(clock.now());  // what time alone changes
    run();
    for (std::size_t i = 0; i < agents.size(); ++i) {
      for (const auto* tag : kNames) {
        Said one{clock.now().wall, i, tag, false, TagState::kAbsent, ""};
        if (core->tag(tag) != nullptr) {
          const auto now = core->explain(clock.now(), agents[i].uid(), tag);
          ASSERT_TRUE(now);
          one.there = true;
          one.state = state(agents[i], tag);
          one.reason = now->reason;
          EXPECT_EQ(now->state, one.state) << tag;
        }
        said.push_back(std::move(one));
      }
    }
    clock.advance(Millis(10));
  }
  void pass(Seconds time, bool heard) {
    for (auto left = time; left > Seconds(0); left -= Seconds(10)) {
      for (auto& a : agents) {
        if (heard && a.session != 0) keep_alive(a);
      }
      clock.advance(Seconds(10));
      core->tick(clock.now());
      run();
      if (chance(20)) look();
    }
  }
  std::string rule(int id) {
    std::string type = R"("type":"running-process","processes":[")" + std::string(kProcesses.at(dice.below(2))) + R"("])";
    if (chance(25)) type += R"(,"max_age":)" + std::string(chance(50) ? "60" : "100");
    if (chance(25)) type = R"("type":"tag","tags":[")" + name() + R"("])";
    if (chance(10)) type = R"("type":"quarantined")";
    if (chance(10)) type = R"("type":"attribute","name":"x","op":"=","value":"v")";
    if (chance(10)) type = R"("type":"ems-management")";
    return fmt::format(R"({{"id":{},"os":"linux",{},"negate":{}}})", id, type, chance(30));
  }
  std::string tag(const std::string& called) {
    return fmt::format(R"({{"name":"{}","enabled":{},"loss_delay":{},"rules":[{},{}],"logic":{{"linux":"1 {} 2"}}}})", called, !chance(10),
                       chance(30) ? 45 : 0, rule(1), rule(2), chance(50) ? "and" : "or");
  }
  /// Refused or not: what counts is what comes of it.
  void change_tags() {
    switch (dice.below(6)) {
      case 0:
      case 1: return void(save(tag(name())));
      case 2: return void(save(tag(name()), name()));
      case 3: return void(remove(name()));
      default: return void(undo(name()));
    }
  }
  void change_an_endpoint() {
    auto& a = agent();
    const auto truth = [&] { return chance(20) ? posture::FactValue(posture::Unknown{}) : posture::FactValue(chance(60)); };
    switch (dice.below(6)) {
      case 0: return void(attribute(a, "x", chance(70) ? "v" : "w", chance(50) ? std::optional(Seconds(40)) : std::nullopt));
      case 1: return core->quarantine(clock.now(), admin, a.uid(), "", nullptr);
      case 2: return core->unquarantine(clock.now(), admin, a.uid(), nullptr);
      default:
        if (a.session == 0) return come(a);
        report(a, {{keys::process_running(kProcesses.at(dice.below(2))), truth()}});
    }
  }
  void come(TestAgent& a) {
    if (chance(50)) {
      connect(a, a.seq);
      look();
      return chance(80) ? keep_alive(a) : void();
    }
    a.run += 1;
    a.seq = 0;
    connect(a);
    look();
    report(a, {{std::string(keys::kOsFamily), std::string("linux")}, {keys::process_running("sshd"), chance(50)}}, true);
  }
  void something() {
    const auto what = dice.below(100);
    if (what < 35) return change_tags();
    if (what < 70) return change_an_endpoint();
    if (what < 80) return pass(Seconds(10 * (1 + dice.below(15))), chance(50));
    if (what < 84) return pass(Seconds(200 + 10 * dice.below(60)), chance(30));  // some are offline, then silent
    if (what < 88) {
      clock.advance(Seconds(dice.below(200)));
      return restart();
    }
    if (what < 90) {
      clock.advance(Seconds(16 + dice.below(60)));  // the machine stood still
      return core->tick(clock.now());
    }
    come(agent());
  }

  SeededRandom dice{static_cast<std::uint64_t>(GetParam())};
  std::array<TestAgent, 2> agents;
  std::vector<Said> said;
};

TEST_P(PastAtRandom, IsAsItWas) {
  options.tag_timeout = Seconds(400);
  restart();
  for (auto& a : agents) ASSERT_NO_FATAL_FAILURE(join_with_sshd(a));
  for (int i = 0; i < 200; ++i) {
    something();
    ASSERT_NO_FATAL_FAILURE(look());
  }
  std::size_t silent = 0, has = 0, gone = 0;
  for (int i = 0; i < 700; ++i) {
    const auto& one = said.at(dice.below(said.size()));
    const auto told = why(agents.at(one.agent), one.tag, one.at);
    const auto where = fmt::format("tag {} of {} at {}", one.tag, one.agent, to_iso8601(one.at));
    if (!one.there) {
      ++gone;
      ASSERT_FALSE(told) << where;
      EXPECT_THAT(told.error().message, StartsWith("there was no tag " + one.tag + " then")) << where;
      continue;
    }
    ASSERT_TRUE(told) << where << ": " << told.error().message;
    EXPECT_EQ(told->state, one.state) << where << ": " << told->text << ", was " << one.reason;
    // What nobody knew in any case doesn't tell how much of a silence was excused.
    if (one.state != TagState::kUnknown) {
      EXPECT_EQ(told->reason, one.reason) << where << ": " << told->text;
    }
    has += one.state == TagState::kHas;
    silent += one.reason == "silent";
  }
  EXPECT_GT(has, 20u);
  EXPECT_GT(gone, 20u);
  EXPECT_GT(silent, 2u);
}

INSTANTIATE_TEST_SUITE_P(Seeds, PastAtRandom, ::testing::Range(0, 4));

}  // namespace
}  // namespace postern::ems::testing
