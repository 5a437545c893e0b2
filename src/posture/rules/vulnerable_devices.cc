// vulnerable-devices {"severity"}: at least one open finding at or above a severity.
#include <algorithm>
#include <array>

#include "posture/fact_keys.h"
#include "posture/rules/reading.h"

namespace postern::posture::rules {
namespace {

constexpr Reason kFound{"vulnerability_found", "there is a vulnerability at or above the severity"};
constexpr Reason kNone{"no_vulnerability", "there is no vulnerability at or above the severity"};
constexpr Reason kSeverityUnknown{
    "severity_unknown",
    "there is a vulnerability with a fix available whose severity no source gives"};

constexpr std::array<std::string_view, 4> kSeverities{"low", "medium", "high", "critical"};

class VulnerableDevices final : public Condition {
 public:
  explicit VulnerableDevices(std::size_t severity) : severity_(severity) {
    keys_ = {std::string(keys::kEmsVulnerabilities)};
  }

  Judgement judge(const FactView& facts) const override {
    const Reason* why = nullptr;
    const auto* counts = read<VulnerabilityCounts>(facts, keys::kEmsVulnerabilities, why);
    if (counts == nullptr) return {Verdict::kUnknown, why};
    const std::array by_severity{counts->low, counts->medium, counts->high, counts->critical};
    if (std::any_of(by_severity.begin() + static_cast<std::ptrdiff_t>(severity_), by_severity.end(),
                    [](auto n) { return n > 0; })) {
      return {Verdict::kMatch, &kFound};
    }
    if (counts->unknown_fixable > 0) return {Verdict::kUnknown, &kSeverityUnknown};
    return {Verdict::kNoMatch, &kNone};
  }

  std::string describe() const override {
    std::string text = "a known vulnerability is " + std::string(kSeverities[severity_]);
    if (severity_ + 1 < kSeverities.size()) text += " or higher";
    return text;
  }

 private:
  std::size_t severity_;  // index into kSeverities
};

Result<std::unique_ptr<const Condition>> compile_vulnerable_devices(const Parameters& parameters, OsFamily) {
  const auto at =
      std::find(kSeverities.begin(), kSeverities.end(), text_of(parameters, "severity"));
  return std::make_unique<VulnerableDevices>(static_cast<std::size_t>(at - kSeverities.begin()));
}

}  // namespace

const RuleType& vulnerable_devices() {
  static const RuleType kType{.name = "vulnerable-devices",
                              .title = "Vulnerable Devices",
                              .help =
                                  "At least one open vulnerability at or above the severity. "
                                  "Unknown if none is, but one with a fix available "
                                  "has no severity.",
                              .systems = {OsFamily::kLinux, OsFamily::kWindows, OsFamily::kMacos},
                              .parameters = {{.name = "severity",
                                              .required = true,
                                              .choices = {kSeverities.begin(), kSeverities.end()},
                                              .help = "The lowest severity that counts."}},
                              .compile = compile_vulnerable_devices};
  return kType;
}

}  // namespace postern::posture::rules
