// When asked facts are read, and what is told while they are not: with families whose work ends when the test says so.
// No time passes here but the test's own.
#include "agent/shell/asking.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <functional>
#include <set>
#include <string>
#include <thread>

#include "agent/collectors/root_lab.h"
#include "agent/shell/loop_lab.h"
#include "agent/shell/sources.h"

namespace postern::agent {
namespace {

using namespace std::chrono_literals;

std::atomic<int> answers{0};      // that the families gave
std::atomic<bool> held{false};    // those of "held" hang while it is set

void hang() {
  while (held) std::this_thread::yield();
}
void answer_all_of(const Question& question, Facts& facts) {
  for (const auto& key : question.keys()) facts.know(key, std::int64_t{++answers}, "test");
}
void answer_held(const Question& question, Facts& facts) {
  hang();
  answer_all_of(question, facts);
}
Triggers watched(const Question&, const Facts&) { return {.files = {"/watched"}}; }
std::chrono::nanoseconds much(const Question&, const Facts&) { return 1s; }
std::chrono::nanoseconds by_name(const Question& question, const Facts&) {
  return question.has("costly:cheap") ? 100ms : 900ms;
}

std::atomic<std::int64_t> look_costs{0};  // how many ns of a processor go by at each look
std::chrono::nanoseconds processor() {
  static std::atomic<std::int64_t> used{0};
  return std::chrono::nanoseconds(used += look_costs);
}

const AskedFamily kQuickOne{.name = "quick", .keys = {"quick:"}, .answer = answer_all_of, .triggers = watched, .apart = true};
const AskedFamily kHeld{.name = "held", .keys = {"held:"}, .answer = answer_held, .triggers = watched, .apart = true, .cost = much};
const AskedFamily kCostlyOne{.name = "costly", .keys = {"costly:"}, .answer = answer_all_of, .triggers = watched, .apart = true, .cost = by_name};
const AskedFamily kHung{.name = "hung", .keys = {"hung"}, .answer = answer_held, .triggers = watched, .slow = true};

const AskedFamily* find(std::string_view key) {
  if (key.starts_with("quick:")) return &kQuickOne;
  if (key.starts_with("held:")) return &kHeld;
  if (key.starts_with("costly:")) return &kCostlyOne;
  return key == "hung" ? &kHung : nullptr;
}

class AskingTest : public RootLab {
 protected:
  AskingTest() {
    answers = 0;
    held = false;
    look_costs = 0;
  }
  ~AskingTest() override { held = false; }

  void until(const char* what, const std::function<bool()>& condition) { run_until(loop, what, condition); }
  bool known(const std::string& key) const {
    const auto it = told.find(key);
    return it != told.end() && it->second.known();
  }
  bool stale(const std::string& key) const {
    const auto it = told.find(key);
    return it != told.end() && it->second.value == posture::FactValue(posture::Unknown{posture::UnknownReason::kStale});
  }

  net::Loop loop;
  ManualClock clock;
  posture::FactMap told;
  std::vector<std::string> order;
  Asking asking{loop, clock, root_,
                {[this](const posture::FactMap& facts) {
                   for (const auto& [key, fact] : facts) {
                     told[key] = fact;
                     order.push_back(key);
                   }
                 },
                 [] {}, [] {}},
                find, processor};
};

TEST_F(AskingTest, WhatCostsLittleIsAnsweredBesideWhatCostsMuch) {
  held = true;
  asking.ask({"held:1", "held:2", "hung", "quick:1", "quick:2"});
  until("the quick ones", [&] { return known("quick:1") && known("quick:2"); });
  EXPECT_FALSE(told.contains("held:1") || told.contains("held:2") || told.contains("hung"));
  EXPECT_TRUE(asking.unanswered());
  held = false;
  until("the others", [&] { return !asking.unanswered(); });
}

TEST_F(AskingTest, OfWhatCostsMuchTheCheapestComesFirst) {
  held = true;
  asking.ask({"held:1"});  // keeps the lane
  asking.ask({"held:1", "costly:a", "costly:b", "costly:cheap"});
  held = false;
  until("all", [&] { return !asking.unanswered(); });
  EXPECT_EQ(order, (std::vector<std::string>{"held:1", "costly:cheap", "costly:a", "costly:b"}));
}

TEST_F(AskingTest, WhatMayHaveChangedAndIsNotReadIsUnknownUntilItIs) {
  put("watched", "1");
  asking.ask({"held:1", "quick:1"});
  until("the answers", [&] { return !asking.unanswered(); });
  asking.look_for_late();
  EXPECT_TRUE(known("held:1"));
  held = true;
  put("watched", "2");
  told.erase("quick:1");
  until("the quick one", [&] { return told.contains("quick:1"); });  // it had the same event
  clock.advance(kLate);
  asking.look_for_late();
  EXPECT_TRUE(known("held:1"));
  clock.advance(1s);
  asking.look_for_late();
  EXPECT_TRUE(stale("held:1"));
  EXPECT_EQ(told.at("held:1").source, "agent: it may have changed, and could not be read yet");
  EXPECT_EQ(told.at("held:1").collected_at, clock.now().wall);
  EXPECT_TRUE(known("quick:1"));
  held = false;
  until("its value", [&] { return known("held:1"); });
  clock.advance(1h);  // nothing is to be read: silence means that nothing changed
  asking.look_for_late();
  EXPECT_TRUE(known("held:1"));
}

TEST_F(AskingTest, AProgramThatHangsLeavesNothingKnown) {
  put("watched", "1");
  asking.ask({"hung"});
  until("the answer", [&] { return known("hung"); });
  held = true;
  put("watched", "2");
  asking.recheck([] {});
  clock.advance(kSlowLate + 1s);
  asking.look_for_late();
  EXPECT_TRUE(stale("hung"));
  held = false;
  until("its value", [&] { return known("hung"); });
}

TEST_F(AskingTest, WhatHasNoAnswerForLongIsToldAsUnknown) {
  held = true;
  asking.ask({"held:1"});
  clock.advance(kLate + 1s);
  asking.look_for_late();
  EXPECT_TRUE(stale("held:1"));
  asking.ask({});  // nobody asks any more while it is being read
  asking.ask({"held:1"});
  held = false;
  until("the answer", [&] { return !asking.unanswered(); });
  EXPECT_TRUE(known("held:1"));
}

TEST_F(AskingTest, WhatCostsMuchTakesNoMoreThanItsPartOfAProcessorTogether) {
  put("watched", "1");
  look_costs = std::chrono::nanoseconds(3s).count();
  const std::set<std::string> keys{"costly:1", "costly:2", "costly:3", "costly:4", "costly:5"};
  asking.ask(keys);
  until("the first answers, which wait for nothing", [&] { return !asking.unanswered(); });
  const int first = answers;
  EXPECT_EQ(first, 5);
  clock.advance(3s);
  put("watched", "2");
  asking.ask([&] {
    auto more = keys;
    more.insert("costly:new");
    return more;
  }());
  until("a new question", [&] { return known("costly:new"); });
  EXPECT_EQ(answers, first + 1);  // 18 seconds are used, ten were saved: the others rest
  clock.advance(kLate + 1s);
  asking.look_for_late();
  for (const auto& key : keys) EXPECT_TRUE(stale(key)) << key;
  asking.recheck([] {});  // a person asks
  until("all", [&] { return std::ranges::all_of(keys, [&](const auto& key) { return known(key); }); });
}

TEST(Allowances, AreTwoPercentAndWhatWasSavedUp) {
  Allowance one(2s);
  MonoTime now{1h};
  EXPECT_EQ(one.wait(now), 0s);
  one.spend(now, 1s);
  EXPECT_EQ(one.wait(now), 0s);
  one.spend(now, 1s);
  EXPECT_GT(one.wait(now), 0s);
  one.spend(now, 1s);
  EXPECT_GE(one.wait(now), 50s);
  EXPECT_LT(one.wait(now), 51s);
  now += 51s;
  EXPECT_EQ(one.wait(now), 0s);
  now += 1h;  // more than all is not saved
  one.spend(now, 2s);
  EXPECT_GT(one.wait(now), 0s);
  // However it is asked for, in the long run it is a fiftieth.
  std::chrono::nanoseconds used{0};
  for (const auto end = now + 10h; now < end; now += 100ms) {
    if (one.wait(now) > 0s) continue;
    one.spend(now, 300ms);
    used += 300ms;
  }
  EXPECT_LE(used, 36'000s / 50 + 3s);
  EXPECT_GE(used, 36'000s / 50 - 3s);
}

}  // namespace
}  // namespace postern::agent
