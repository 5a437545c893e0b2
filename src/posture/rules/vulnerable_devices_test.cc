// With `min_count`; without it: rules_test.cc.
#include <gmock/gmock.h>

#include "posture/rules/rule_lab.h"

namespace postern::posture {
namespace vulnerable_devices_rule {
namespace {

using namespace testing;
using ::testing::HasSubstr;
using enum Verdict;

TEST(VulnerableDevicesCount, CrossesItsThresholdBothWays) {
  const auto rule = make("vulnerable-devices", {{"severity", "high"}, {"min_count", std::int64_t{3}}});
  const auto facts = [](const VulnerabilityCounts& counts) {
    return FactMap{{std::string(keys::kEmsVulnerabilities), known(counts)}};
  };
  expect(*rule, facts({.critical = 1, .high = 2}), kMatch, "vulnerabilities_found");
  expect(*rule, facts({.critical = 1, .high = 1, .medium = 9, .low = 9}), kNoMatch, "fewer_vulnerabilities");
  expect(*rule, facts({.medium = 9}), kNoMatch, "no_vulnerability");
  // Those without severity and with a fix could each be high.
  expect(*rule, facts({.high = 2, .unknown = 1, .unknown_fixable = 1}), kUnknown, "severity_unknown");
  expect(*rule, facts({.high = 1, .unknown = 1, .unknown_fixable = 1}), kNoMatch, "fewer_vulnerabilities");
  expect(*rule, facts({.high = 3, .unknown = 1, .unknown_fixable = 1}), kMatch, "vulnerabilities_found");
  expect(*rule, facts({.high = 2, .unknown = 5}), kNoMatch, "fewer_vulnerabilities");
  expect_unknowns(*rule, {}, keys::kEmsVulnerabilities, text("3"));
  EXPECT_EQ(rule->describe(), "at least 3 known vulnerabilities are high or higher");
  EXPECT_FALSE(rule->timed());
}

TEST(VulnerableDevicesCount, Refusals) {
  EXPECT_THAT(refusal("vulnerable-devices", {{"severity", "high"}, {"min_count", std::int64_t{0}}}),
              HasSubstr("min_count: 0 is not allowed; it must be 1 to 1000000"));
  EXPECT_THAT(refusal("vulnerable-devices", {{"severity", "high"}, {"min_count", 1.5}}),
              HasSubstr("min_count: must be a whole number"));
  EXPECT_THAT(refusal("vulnerable-devices", {{"severity", "info"}}), HasSubstr("low, medium, high, critical"));
}

}  // namespace
}  // namespace vulnerable_devices_rule
}  // namespace postern::posture
