// epss {"probability"}: how likely it is that an open vulnerability will be exploited.
#include <fmt/format.h>

#include <cmath>

#include "posture/fact_keys.h"
#include "posture/rules/threshold.h"

namespace postern::posture::rules {
namespace epss_rule {
namespace {

constexpr Reason kReached{"probability_reached", "an open vulnerability is that likely to be exploited"};
constexpr Reason kBelow{"probability_below", "every open vulnerability is less likely to be exploited"};

Result<std::unique_ptr<const Condition>> compile(const Parameters& parameters, OsFamily) {
  const double probability = number_of(parameters, "probability", 0);
  const double scaled = probability * 10'000;
  const std::int64_t steps = std::llround(scaled);
  if (std::abs(scaled - static_cast<double>(steps)) > 1e-6) {
    return invalid(
        fmt::format("probability: {} is not allowed; it has at most four digits behind the point, such as 0.05", probability));
  }
  return std::make_unique<ThresholdCondition>(
      keys::kEmsVulnMaxEpss, Comparison::kGreaterOrEqual, steps, kReached, kBelow,
      fmt::format("an open vulnerability is exploited within 30 days with a probability of at least {}", probability));
}

}  // namespace
}  // namespace epss_rule

const RuleType& epss() {
  static const RuleType kType{.name = "epss",
                              .title = "EPSS Probability",
                              .help = "FIRST's EPSS gives an open vulnerability at least this probability of being "
                                      "exploited within 30 days.",
                              .systems = {OsFamily::kLinux, OsFamily::kWindows, OsFamily::kMacos},
                              .parameters = {{.name = "probability",
                                              .type = ParameterSpec::Type::kNumber,
                                              .required = true,
                                              .min = 0.0001,
                                              .max = 1,
                                              .help = "The lowest probability that counts, 0.0001 to 1."}},
                              .facts = {keys::kEmsVulnMaxEpss},
                              .compile = epss_rule::compile};
  return kType;
}

}  // namespace postern::posture::rules
