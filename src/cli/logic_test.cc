#include "cli/logic.h"

#include <gtest/gtest.h>

namespace postern::cli {
namespace {

constexpr Truth kY = Truth::kYes, kN = Truth::kNo, kU = Truth::kUnknown;
using Rules = std::vector<std::uint32_t>;
using Changes = std::vector<Logic::Change>;

TEST(CliLogic, IsJudgedInThreeValues) {
  EXPECT_EQ(Logic::parse("1 and 2")->value({{1, kY}, {2, kU}}), kU);
  EXPECT_EQ(Logic::parse("1 and 2")->value({{1, kN}, {2, kU}}), kN);
  EXPECT_EQ(Logic::parse("1 OR NOT 2")->value({{1, kU}, {2, kN}}), kY);
  EXPECT_EQ(Logic::parse("not (1 or 2) and 3")->value({{1, kN}, {2, kN}, {3, kY}}), kY);
}

TEST(CliLogic, WhatDecides) {
  const auto logic = *Logic::parse("(1 and 2) and not 3 and (4 or 5)");
  EXPECT_EQ(logic.decisive({{1, kY}, {2, kN}, {3, kU}, {4, kY}, {5, kY}}), Rules{2});
  EXPECT_EQ(logic.decisive({{1, kY}, {2, kY}, {3, kY}, {4, kN}, {5, kN}}), (Rules{3, 4, 5}));
  EXPECT_EQ(logic.decisive({{1, kY}, {2, kY}, {3, kU}, {4, kY}, {5, kN}}), Rules{3});
  EXPECT_EQ(logic.decisive({{1, kY}, {2, kY}, {3, kN}, {4, kY}, {5, kN}}), (Rules{1, 2, 3, 4}));
}

TEST(CliLogic, WhatWouldChangeIt) {
  const auto logic = *Logic::parse("1 and not 2");
  EXPECT_EQ(logic.levers({{1, kN}, {2, kN}}, kY), (Changes{{1, kY}}));
  EXPECT_EQ(logic.levers({{1, kY}, {2, kN}}, kN), (Changes{{1, kN}, {2, kY}}));
  EXPECT_EQ(logic.mend({{1, kN}, {2, kY}}), (Changes{{1, kY}, {2, kN}}));
  EXPECT_EQ(Logic::parse("1 and (2 or 3)")->mend({{1, kN}, {2, kN}, {3, kU}}).size(), 2u);
  EXPECT_TRUE(Logic::parse("1 and not 1")->mend({{1, kN}}).empty());
  EXPECT_TRUE(logic.mend({{1, kY}, {2, kN}}).empty());
}

TEST(CliLogic, WhatIsNoneIsRefused) {
  for (const char* text : {"", "1 and", "(1", "1)", "1 2", "a", "1 xor 2", "not", "and", "99999999999"}) {
    EXPECT_FALSE(Logic::parse(text)) << text;
  }
  EXPECT_FALSE(Logic::parse(std::string(100'000, '(')));
  std::string nots;
  for (int i = 0; i < 100'000; ++i) nots += "not ";
  EXPECT_FALSE(Logic::parse(nots + "1"));
}

}  // namespace
}  // namespace postern::cli
