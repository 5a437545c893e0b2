// anti-virus {"checks","within_days","products"}: protection against malware is there, runs, and knows what is new.
#include <fmt/format.h>

#include "posture/fact_keys.h"
#include "posture/quote.h"
#include "posture/rules/conditions.h"
#include "posture/rules/timing.h"

namespace postern::posture::rules {
namespace anti_virus_rule {
namespace {

constexpr Reason kInstalled{"antivirus_installed", "an antivirus is installed"};
constexpr Reason kNotInstalled{"antivirus_not_installed", "no antivirus that counts is installed"};
constexpr Reason kRunning{"antivirus_running", "an antivirus runs"};
constexpr Reason kNotRunning{"antivirus_not_running", "no antivirus that counts runs"};
constexpr Reason kFresh{"signatures_up_to_date", "the antivirus signatures are new enough"};
constexpr Reason kOld{"signatures_too_old", "the antivirus signatures are too old"};
constexpr Reason kNone{"no_signatures", "the antivirus has no signatures"};
constexpr Match kOtherwise = Match::kAll;
constexpr std::int64_t kDaysOtherwise = 7;

Result<std::unique_ptr<const Condition>> compile(const Parameters& parameters, OsFamily) {
  const auto& checks = list_of(parameters, "checks");
  const auto& products = list_of(parameters, "products");
  const std::int64_t within = integer_of(parameters, "within_days", kDaysOtherwise);
  const std::string who = products.empty() ? "an antivirus" : in_words(products, Match::kAny);
  bool asks_age = false, asks_product = false;
  Conditions parts;
  for (const std::string& check : checks) {
    if (check == "installed") {
      parts.push_back(
          holds_one_of(std::string(keys::kAvInstalled), products, kInstalled, kNotInstalled, who + " is installed"));
    } else if (check == "running") {
      parts.push_back(holds_one_of(std::string(keys::kAvRunning), products, kRunning, kNotRunning, who + " runs"));
    } else {
      parts.push_back(recent(std::string(keys::kAvSignaturesAt), days(within), {kFresh, kOld, kNone},
                             fmt::format("the antivirus signatures are at most {} old", count_of(within, "day"))));
      asks_age = true;
      continue;
    }
    asks_product = true;
  }
  if (parameters.contains("within_days") && !asks_age)
    return invalid(fmt::format("within_days: {} belongs to the check up-to-date; add it to checks", within));
  if (!products.empty() && !asks_product) {
    return invalid(fmt::format("products: {} belongs to the checks installed and running; add one to checks",
                               posture::quoted(products.front())));
  }
  return joined(match_of(parameters, kOtherwise), std::move(parts));
}

}  // namespace
}  // namespace anti_virus_rule

const RuleType& anti_virus() {
  static const RuleType kType{
      .name = "anti-virus",
      .title = "AntiVirus",
      .help = "An antivirus is installed, runs, or has signatures that are new enough: each as asked.",
      .systems = {OsFamily::kLinux, OsFamily::kWindows, OsFamily::kMacos},
      .parameters = {{.name = "checks",
                      .type = ParameterSpec::Type::kTexts,
                      .required = true,
                      .choices = {"installed", "running", "up-to-date"},
                      .help = "What must hold."},
                     days_parameter("within_days",
                                    "Days, 1 to 3650: how old signatures may be that are up-to-date; 7 if not given."),
                     {.name = "products",
                      .type = ParameterSpec::Type::kTexts,
                      .help = "Only these products count as installed or running, such as ClamAV; any if not given."},
                     match_parameter(anti_virus_rule::kOtherwise)},
      .facts = {keys::kAvInstalled, keys::kAvRunning, keys::kAvSignaturesAt},
      .unknown = "Also where the time of the signatures lies more than a day ahead.",
      .compile = anti_virus_rule::compile};
  return kType;
}

}  // namespace postern::posture::rules
