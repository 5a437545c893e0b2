#include <gmock/gmock.h>

#include "posture/rules/rule_lab.h"

namespace postern::posture {
namespace sandbox_detection_rule {
namespace {

using namespace testing;
using ::testing::HasSubstr;
using enum Verdict;
using std::chrono::hours;

WallTime until(const Condition& condition, const FactMap& facts, Now now) {
  const FactView view(facts, now);
  condition.judge(view);
  return view.until();
}

TEST(SandboxDetection, SevenDaysUnlessSaidOtherwise) {
  const FactMap facts{{std::string(keys::kMalwareAt), known(to_unix_ms(kThen))}};
  for (const std::int64_t days : {7, 1, 30}) {
    const auto rule = make("sandbox-detection", days == 7 ? Parameters{} : Parameters{{"within_days", days}});
    const Now last{kThen + hours(24 * days), {}}, after{last.wall + Millis(1), {}};
    expect(*rule, facts, kMatch, "malware_found", {kThen, {}});
    expect(*rule, facts, kMatch, "malware_found", last);
    expect(*rule, facts, kNoMatch, "malware_long_ago", after);
    expect(*rule, facts, kMatch, "malware_found", {kThen - hours(1), {}});  // the endpoint's clock is ahead
    EXPECT_EQ(until(*rule, facts, last), after.wall);
    EXPECT_EQ(until(*rule, facts, after), WallTime::max());
    EXPECT_TRUE(rule->timed());
    expect(*rule, {{std::string(keys::kMalwareAt), known(std::int64_t{0})}}, kNoMatch, "no_malware");
    expect_unknowns(*rule, {}, keys::kMalwareAt, text("yesterday"));
    expect(*rule, {{std::string(keys::kMalwareAt), known(std::int64_t{-1})}}, kUnknown, "before_1970");  // spares nobody
  }
  EXPECT_EQ(make("sandbox-detection", {})->describe(), "malware was found on the endpoint within the last 7 days");
}

TEST(SandboxDetection, Refusals) {
  EXPECT_THAT(refusal("sandbox-detection", {{"within_days", std::int64_t{0}}}),
              HasSubstr("within_days: 0 is not allowed; it must be 1 to 3650"));
}

}  // namespace
}  // namespace sandbox_detection_rule
}  // namespace postern::posture
