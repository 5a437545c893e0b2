// cvss {"score"}: the highest CVSS base score of an open vulnerability.
#include <fmt/format.h>

#include <cmath>

#include "posture/fact_keys.h"
#include "posture/rules/threshold.h"

namespace postern::posture::rules {
namespace cvss_rule {
namespace {

constexpr Reason kReached{"score_reached", "an open vulnerability has such a score"};
constexpr Reason kBelow{"score_below", "every open vulnerability has a lower score or none"};

Result<std::unique_ptr<const Condition>> compile(const Parameters& parameters, OsFamily) {
  const double score = number_of(parameters, "score", 0);
  const std::int64_t tenths = std::llround(score * 10);
  if (std::abs(score * 10 - static_cast<double>(tenths)) > 1e-6) {
    return invalid(fmt::format("score: {} is not allowed; a CVSS score has one digit behind the point, such as 7.5", score));
  }
  return std::make_unique<ThresholdCondition>(
      keys::kEmsVulnMaxCvss, Comparison::kGreaterOrEqual, tenths, kReached, kBelow,
      fmt::format("an open vulnerability has a CVSS base score of at least {}.{}", tenths / 10, tenths % 10));
}

}  // namespace
}  // namespace cvss_rule

const RuleType& cvss() {
  static const RuleType kType{.name = "cvss",
                              .title = "CVSS Score",
                              .help = "An open vulnerability has at least this CVSS base score. Vulnerabilities without "
                                      "a score don't count here: vulnerable-devices does.",
                              .systems = {OsFamily::kLinux, OsFamily::kWindows, OsFamily::kMacos},
                              .parameters = {{.name = "score",
                                              .type = ParameterSpec::Type::kNumber,
                                              .required = true,
                                              .min = 0.1,
                                              .max = 10,
                                              .help = "The lowest base score that counts, 0.1 to 10.0."}},
                              .facts = {keys::kEmsVulnMaxCvss},
                              .compile = cvss_rule::compile};
  return kType;
}

}  // namespace postern::posture::rules
