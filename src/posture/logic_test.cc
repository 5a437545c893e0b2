#include "posture/logic.h"

#include <gmock/gmock.h>

#include <map>
#include <string>

namespace postern::posture {
namespace {

using ::testing::HasSubstr;
using enum Verdict;

constexpr Verdict kAllVerdicts[] = {kNoMatch, kUnknown, kMatch};

Verdict value(std::string_view text, const std::map<std::uint32_t, Verdict>& verdicts) {
  const auto logic = Logic::parse(text);
  EXPECT_TRUE(logic.has_value()) << text << ": " << (logic ? "" : logic.error().message);
  if (!logic) return kUnknown;
  return logic->evaluate([&](std::size_t i) { return verdicts.at(logic->rules()[i]); });
}

TEST(Logic, KleenesTruthTables) {
  struct Row {
    Verdict a, b, both, either;
  };
  const Row rows[] = {
      {kMatch, kMatch, kMatch, kMatch},         {kMatch, kUnknown, kUnknown, kMatch},
      {kMatch, kNoMatch, kNoMatch, kMatch},     {kUnknown, kMatch, kUnknown, kMatch},
      {kUnknown, kUnknown, kUnknown, kUnknown}, {kUnknown, kNoMatch, kNoMatch, kUnknown},
      {kNoMatch, kMatch, kNoMatch, kMatch},     {kNoMatch, kUnknown, kNoMatch, kUnknown},
      {kNoMatch, kNoMatch, kNoMatch, kNoMatch},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(std::string(verdict_name(row.a)) + " " + std::string(verdict_name(row.b)));
    EXPECT_EQ(value("1 and 2", {{1, row.a}, {2, row.b}}), row.both);
    EXPECT_EQ(value("1 or 2", {{1, row.a}, {2, row.b}}), row.either);
  }
  EXPECT_EQ(value("not 1", {{1, kMatch}}), kNoMatch);
  EXPECT_EQ(value("not 1", {{1, kNoMatch}}), kMatch);
  EXPECT_EQ(value("not 1", {{1, kUnknown}}), kUnknown);
}

TEST(Logic, BindsNotThenAndThenOr) {
  for (const Verdict a : kAllVerdicts) {
    for (const Verdict b : kAllVerdicts) {
      for (const Verdict c : kAllVerdicts) {
        const std::map<std::uint32_t, Verdict> v{{1, a}, {2, b}, {3, c}};
        EXPECT_EQ(value("1 or 2 and 3", v), verdict_or(a, verdict_and(b, c)));
        EXPECT_EQ(value("1 and 2 or 3", v), verdict_or(verdict_and(a, b), c));
        EXPECT_EQ(value("(1 or 2) and 3", v), verdict_and(verdict_or(a, b), c));
        EXPECT_EQ(value("not 1 and 2", v), verdict_and(verdict_not(a), b));
        EXPECT_EQ(value("not (1 and 2)", v), verdict_not(verdict_and(a, b)));
        EXPECT_EQ(value("(1 and 2) or not 3", v), verdict_or(verdict_and(a, b), verdict_not(c)));
        EXPECT_EQ(value("not not 1 or 2 or 3", v), verdict_or(a, verdict_or(b, c)));
      }
    }
  }
}

TEST(Logic, WordsInAnyCaseSpacesAnywhere) {
  const auto logic = Logic::parse(" ( 10 AND\t2)Or nOt(3) and 2 ");
  ASSERT_TRUE(logic.has_value()) << logic.error().message;
  EXPECT_EQ(logic->rules(), (std::vector<std::uint32_t>{2, 3, 10}));
}

TEST(Logic, AllDemandsEveryRuleAndNothingGrantsNothing) {
  const Logic all = Logic::all({3, 1, 2});
  EXPECT_EQ(all.rules(), (std::vector<std::uint32_t>{1, 2, 3}));
  EXPECT_EQ(all.evaluate([](std::size_t) { return kMatch; }), kMatch);
  EXPECT_EQ(all.evaluate([](std::size_t i) { return i == 2 ? kNoMatch : kMatch; }), kNoMatch);
  EXPECT_EQ(all.evaluate([](std::size_t i) { return i == 0 ? kUnknown : kMatch; }), kUnknown);
  EXPECT_EQ(Logic::all({}).evaluate([](std::size_t) { return kMatch; }), kNoMatch);
}

TEST(Logic, ErrorsSayWhere) {
  struct Case {
    const char* text;
    const char* message;
  };
  const Case cases[] = {
      {"", "the expression is empty"},
      {"  ", "the expression is empty"},
      {"1 and", "at character 6: it ends where a rule number, not, or ( is expected"},
      {"1 2", "at character 3: there is \"2\" where and, or, or the end is expected"},
      {"(1 or 2",
       "at character 8: it ends where and, or, or the ) for the ( at character 1 is expected"},
      {"1)", "at character 2: there is \")\" where and, or, or the end is expected"},
      {"1 xor 2", "at character 3: there is \"xor\""},
      {"1and 2", "at character 1: there is \"1and\" where a rule number, not, or ( is expected"},
      {"1 && 2", "at character 3: there is \"&\""},
      {"1 or 0", "at character 6: \"0\" is no rule number; they go from 1 to 9999"},
      {"99999999999999999999999", "is no rule number"},
      {"1 ∧ 2", "at character 3: there is \"∧\""},
      {"()", "at character 2: there is \")\" where a rule number, not, or ( is expected"},
      {"1 or or 2", "at character 6: there is \"or\""},
      {"android", "at character 1: there is \"android\""},
  };
  for (const Case& c : cases) {
    const auto logic = Logic::parse(c.text);
    ASSERT_FALSE(logic.has_value()) << c.text;
    EXPECT_EQ(logic.error().code, ErrorCode::kInvalidArgument);
    EXPECT_THAT(logic.error().message, HasSubstr(c.message)) << c.text;
  }
}

std::string repeat(std::string_view text, std::size_t times) {
  std::string out;
  while (times-- > 0) out += text;
  return out;
}

TEST(Logic, DepthAndLengthAreBoundedAndTheDeepestIsEvaluated) {
  for (const char* open : {"(", "not ", "1 or 1 and ("}) {
    const std::string_view unit(open);
    const bool closes = unit.back() == '(';
    const auto nested = [&](std::size_t depth) {
      return repeat(unit, depth) + "1 or 1 and 1" + (closes ? repeat(")", depth) : "");
    };
    ASSERT_TRUE(Logic::parse(nested(kMaxLogicDepth)).has_value()) << open;
    EXPECT_EQ(value(nested(kMaxLogicDepth), {{1, kUnknown}}), kUnknown);
    const auto deeper = Logic::parse(nested(kMaxLogicDepth + 1));
    ASSERT_FALSE(deeper.has_value());
    EXPECT_THAT(deeper.error().message, HasSubstr("nested deeper than 32 levels"));
  }
  const std::string longest = repeat("1 or ", (kMaxLogicBytes - 1) / 5) + "1";
  EXPECT_EQ(value(longest, {{1, kMatch}}), kMatch);
  const auto longer = Logic::parse(longest + repeat(" ", kMaxLogicBytes));
  ASSERT_FALSE(longer.has_value());
  EXPECT_THAT(longer.error().message, HasSubstr("allowed are 2048"));
}

}  // namespace
}  // namespace postern::posture
