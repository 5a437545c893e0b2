// external-score, and crowdstrike-zta-score which is one of them.
#include <gmock/gmock.h>

#include "posture/rules/rule_lab.h"

namespace postern::posture {
namespace external_score_rule {
namespace {

using namespace testing;
using ::testing::HasSubstr;
using enum Verdict;

TEST(ExternalScore, EachOperatorOnBothSides) {
  struct Row {
    const char* op;
    bool below, same, above;
  };
  const Row rows[] = {{"=", false, true, false}, {"<", true, false, false}, {"<=", true, true, false},
                      {">", false, false, true}, {">=", false, true, true}, {"!=", true, false, true}};
  for (const Row& row : rows) {
    SCOPED_TRACE(row.op);
    std::vector<std::pair<std::string, std::unique_ptr<const Condition>>> rules;
    rules.emplace_back("ems.attribute:score.sentinelone",
                       make("external-score", {{"provider", "sentinelone"}, {"op", row.op}, {"score", std::int64_t{70}}}));
    if (std::string_view(row.op) != "!=") {
      rules.emplace_back(
          "ems.attribute:score.crowdstrike",
          make("crowdstrike-zta-score", {{"op", row.op}, {"score", std::int64_t{70}}}, OsFamily::kWindows));
    }
    for (const auto& [key, rule] : rules) {
      const std::pair<std::int64_t, bool> scores[] = {{69, row.below}, {70, row.same}, {71, row.above},
                                                      {0, row.below},  {100, row.above}};
      for (const auto& [score, holds] : scores) {
        expect(*rule, {{key, known(score)}}, holds ? kMatch : kNoMatch, holds ? "score_matches" : "score_differs");
      }
      for (const std::int64_t none : {-1, 101}) expect(*rule, {{key, known(none)}}, kUnknown, "score_out_of_range");
      expect_unknowns(*rule, {}, key, text("70"));
    }
  }
  EXPECT_EQ(make("external-score", {{"provider", "x"}, {"op", ">="}, {"score", std::int64_t{0}}})->describe(),
            "the score that x gives is >= 0");
  EXPECT_EQ(make("crowdstrike-zta-score", {{"op", ">="}, {"score", std::int64_t{50}}}, OsFamily::kWindows)->describe(),
            "CrowdStrike's ZTA score is >= 50");
}

TEST(ExternalScore, Refusals) {
  const auto why = [](const char* provider, std::int64_t score) {
    return refusal("external-score", {{"provider", provider}, {"op", "="}, {"score", score}});
  };
  EXPECT_EQ(why("sentinelone", 100), "");
  EXPECT_THAT(why("Sentinel One", 1), HasSubstr("provider: \"Sentinel One\" is no provider's name; it has 1 to 58"));
  EXPECT_THAT(why(std::string(59, 'a').c_str(), 1), HasSubstr("has 59 bytes, allowed are 58"));
  EXPECT_THAT(why("x", 101), HasSubstr("score: 101 is not allowed; it must be 0 to 100"));
  EXPECT_THAT(why("x", -1), HasSubstr("must be 0 to 100"));
  EXPECT_THAT(refusal("crowdstrike-zta-score", {{"op", "!="}, {"score", std::int64_t{1}}}), HasSubstr("=, >, <, >=, <="));
  EXPECT_THAT(refusal("crowdstrike-zta-score", {{"op", "="}}), HasSubstr("score: is missing"));
}

}  // namespace
}  // namespace external_score_rule
}  // namespace postern::posture
