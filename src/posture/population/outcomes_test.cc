#include "posture/population/outcomes.h"

#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <random>
#include <set>
#include <vector>

#include "posture/population/program.h"

namespace postern::posture {
namespace {

using Op = LogicStep::Op;
using Steps = std::vector<LogicStep>;
constexpr Verdict kNo = Verdict::kNoMatch, kOpen = Verdict::kUnknown, kYes = Verdict::kMatch;

TEST(Outcomes, OfAnAnd) {
  const Steps steps{{Op::kTake, 3}, {Op::kAnd, 8}};
  const Outcomes out = outcomes_of(steps, 8, {});
  for (const Verdict after : {kNo, kOpen}) {
    // It matched: the tag was what the other one is.
    ASSERT_TRUE(out.of(kYes, after).known());
    for (const Verdict tag : {kNo, kOpen, kYes}) EXPECT_EQ(out.of(kYes, after).after(tag), verdict_and(tag, after));
  }
  // It did not: whether the other one does is written nowhere in the tag.
  EXPECT_FALSE(out.of(kNo, kYes).known());
  EXPECT_FALSE(out.of(kNo, kOpen).known());
  ASSERT_TRUE(out.of(kOpen, kNo).known());
  EXPECT_EQ(out.of(kOpen, kNo).after(kOpen), kNo);
  EXPECT_FALSE(out.of(kOpen, kYes).known());
}

TEST(Outcomes, AreThoseOfTheEndpointsSystem) {
  // (8 or 3) and the system is 5, or the system is unknown: 6.
  const Steps steps{{Op::kTake, 8}, {Op::kOr, 3}, {Op::kAnd, 5}, {Op::kOr, 6}};
  EXPECT_FALSE(outcomes_of(steps, 8, {}).of(kNo, kYes).known());
  const std::vector<GivenVerdict> given{{5, kYes}, {6, kNo}};
  const Outcomes out = outcomes_of(steps, 8, given);
  ASSERT_TRUE(out.of(kNo, kYes).known());
  EXPECT_EQ(out.of(kNo, kYes).after(kNo), kYes);
  EXPECT_EQ(out.of(kNo, kYes).after(kOpen), kYes);
  EXPECT_FALSE(out.of(kYes, kNo).known());
}

TEST(Outcomes, OfNothingAreNothing) {
  EXPECT_TRUE(outcomes_of({}, 8, {}).of(kNo, kYes).known());
  EXPECT_EQ(outcomes_of({}, 8, {}).of(kNo, kYes).after(kNo), kNo);
}

TEST(Outcomes, OfManyConditionsAreNotTold) {
  Steps steps{{Op::kTake, 0}};
  for (std::uint32_t i = 1; i < 6; ++i) steps.emplace_back(Op::kAnd, i);
  EXPECT_TRUE(outcomes_of(steps, 0, {}).of(kYes, kNo).known());
  steps.emplace_back(Op::kAnd, 6);
  EXPECT_FALSE(outcomes_of(steps, 0, {}).of(kYes, kNo).known());
}

/// A tag's steps at random, over operands below `operands`.
Steps some_steps(std::mt19937& random, std::uint32_t operands) {
  Steps out;
  const std::function<void(int)> emit = [&](int depth) {
    const auto leaf = [&](Op op) { out.emplace_back(op, static_cast<std::uint32_t>(random() % operands)); };
    if (depth == 0 || random() % 3 == 0) {
      leaf(random() % 2 == 0 ? Op::kTake : Op::kTakeNot);
    } else {
      emit(depth - 1);
      if (random() % 2 == 0) {
        out.emplace_back(Op::kPutAside, 0);
        emit(depth - 1);
        out.emplace_back(random() % 2 == 0 ? Op::kAndAside : Op::kOrAside, 0);
      }
    }
    const std::vector<Op> joins{Op::kAnd, Op::kAndNot, Op::kOr, Op::kOrNot};
    for (auto more = random() % 3; more > 0; --more) leaf(joins[random() % joins.size()]);
  };
  emit(2);
  return out;
}

TEST(Outcomes, AreToldWhereTheyFollowAndNowhereElse) {
  std::mt19937 random(3);
  std::size_t told = 0, untold = 0;
  for (int round = 0; round < 300; ++round) {
    const std::uint32_t operands = 1 + static_cast<std::uint32_t>(random() % 5);
    const Steps steps = some_steps(random, operands);
    const auto changing = static_cast<std::uint32_t>(random() % operands);
    std::vector<GivenVerdict> given;
    if (operands > 2) given.push_back({(changing + 1) % operands, static_cast<Verdict>(random() % 3)});
    const Outcomes outcomes = outcomes_of(steps, changing, given);
    std::map<std::vector<Verdict>, std::set<Verdict>> found;  // by condition before and after, and the tag before
    std::vector<Verdict> all(operands);
    const auto tag_if = [&](Verdict verdict) {
      all[changing] = verdict;
      return run_steps(steps, [&](std::uint32_t id) { return all[id]; });
    };
    std::size_t ways = 1;
    for (std::uint32_t i = 0; i < operands; ++i) ways *= 3;
    for (std::size_t way = 0; way < ways; ++way) {
      std::size_t rest = way;
      for (Verdict& one : all) {
        one = static_cast<Verdict>(rest % 3);
        rest /= 3;
      }
      for (const GivenVerdict& one : given) all[one.operand] = one.verdict;
      for (const Verdict before : {kNo, kOpen, kYes}) {
        for (const Verdict after : {kNo, kOpen, kYes}) {
          if (before == after) continue;
          const Verdict was = tag_if(before), is = tag_if(after);
          found[{before, after, was}].insert(is);
          const Outcome outcome = outcomes.of(before, after);
          if (outcome.known()) {
            ASSERT_EQ(outcome.after(was), is) << round;
          }
        }
      }
    }
    for (const Verdict before : {kNo, kOpen, kYes}) {
      for (const Verdict after : {kNo, kOpen, kYes}) {
        if (before == after) continue;
        bool follows = true;
        for (const Verdict was : {kNo, kOpen, kYes}) follows = follows && found[{before, after, was}].size() <= 1;
        ASSERT_EQ(outcomes.of(before, after).known(), follows) << round;
        ++(follows ? told : untold);
      }
    }
  }
  EXPECT_GT(told, 300u);
  EXPECT_GT(untold, 200u);
}

}  // namespace
}  // namespace postern::posture
