// vulnerable-devices {"severity","min_count"}: open findings at or above a severity.
#include <fmt/format.h>

#include "posture/fact_keys.h"
#include "posture/rules/reading.h"
#include "posture/rules/severity.h"

namespace postern::posture::rules {
namespace vulnerable_devices_rule {
namespace {

constexpr Reason kFound{"vulnerability_found", "there is a vulnerability at or above the severity"};
constexpr Reason kEnough{"vulnerabilities_found", "there are as many vulnerabilities at or above the severity"};
constexpr Reason kNone{"no_vulnerability", "there is no vulnerability at or above the severity"};
constexpr Reason kFewer{"fewer_vulnerabilities", "there are fewer vulnerabilities at or above the severity"};
constexpr Reason kSeverityUnknown{
    "severity_unknown",
    "there is a vulnerability with a fix available whose severity no source gives"};

class VulnerableDevices final : public Condition {
 public:
  VulnerableDevices(std::size_t severity, std::int64_t min_count) : severity_(severity), min_count_(min_count) {
    keys_ = {std::string(keys::kEmsVulnerabilities)};
  }

  Judgement judge(const FactView& facts) const override {
    const Reason* why = nullptr;
    const auto* counts = read<VulnerabilityCounts>(facts, keys::kEmsVulnerabilities, why);
    if (counts == nullptr) return {Verdict::kUnknown, why};
    const std::int64_t found = count_from(*counts, severity_);
    if (found >= min_count_) return {Verdict::kMatch, min_count_ == 1 ? &kFound : &kEnough};
    if (found + counts->unknown_fixable >= min_count_) return {Verdict::kUnknown, &kSeverityUnknown};
    return {Verdict::kNoMatch, found == 0 ? &kNone : &kFewer};
  }

  std::string describe() const override {
    if (min_count_ == 1) return "a known vulnerability is " + severity_in_words(severity_);
    return fmt::format("at least {} known vulnerabilities are {}", min_count_, severity_in_words(severity_));
  }

 private:
  std::size_t severity_;
  std::int64_t min_count_;
};

Result<std::unique_ptr<const Condition>> compile(const Parameters& parameters, OsFamily) {
  return std::make_unique<VulnerableDevices>(severity_index(text_of(parameters, "severity")),
                                             integer_of(parameters, "min_count", 1));
}

}  // namespace
}  // namespace vulnerable_devices_rule

const RuleType& vulnerable_devices() {
  static const RuleType kType{
      .name = "vulnerable-devices",
      .title = "Vulnerable Devices",
      .help = "At least one open vulnerability at or above the severity, or as many as min_count says.",
      .systems = {OsFamily::kLinux, OsFamily::kWindows, OsFamily::kMacos},
      .parameters = {{.name = "severity",
                      .required = true,
                      .choices = {kCountedSeverities.begin(), kCountedSeverities.end()},
                      .help = "The lowest severity that counts."},
                     {.name = "min_count",
                      .type = ParameterSpec::Type::kInteger,
                      .min = 1,
                      .max = kMostVulnerabilities,
                      .help = "How many distinct CVEs there must be; 1 if not given."}},
      .facts = {keys::kEmsVulnerabilities},
      .unknown = "Also while there are too few, but would be enough if those that have a fix available and no severity "
                 "counted.",
      .compile = vulnerable_devices_rule::compile};
  return kType;
}

}  // namespace postern::posture::rules
