#pragma once
// How bad a vulnerability is, and counts of vulnerabilities by it.
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace postern::vuln {

/// kUnknown means that no source gives a severity: it is not a small one, and is never printed or
/// counted as `low`.
enum class Severity : std::uint8_t { kUnknown, kInfo, kLow, kMedium, kHigh, kCritical };

std::string_view severity_name(
    Severity severity);  ///< "unknown", "info", "low", "medium", "high", "critical".

/// CVSS bands: 9.0, 7.0, 4.0, anything above 0. A score of 0 bounds nothing and stays kUnknown.
Severity severity_of_cvss(double base_score);

inline Severity severity_of_cvss_tenths(std::optional<std::uint8_t> tenths) {
  return tenths ? severity_of_cvss(*tenths / 10.0) : Severity::kUnknown;
}

/// Debian's urgency: "high", "medium", "low" (the tracker's trailing asterisks ignored),
/// "unimportant" as kInfo. kUnknown for "not yet assigned", "end-of-life" and any other text:
/// nobody has judged it.
Severity severity_of_urgency(std::string_view urgency);

/// The base score, 0.0..10.0, of a CVSS v3.0 or v3.1 vector such as
/// "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H". Temporal and environmental metrics may follow;
/// they are checked for form and do not change the base score. Errors: kInvalidArgument (another
/// version, a metric missing, given twice or with a value it cannot have).
Result<double> cvss3_base_score(std::string_view vector);
/// The same as a whole number of tenths, 0..100, which is how scores are kept.
Result<std::uint8_t> cvss3_base_tenths(std::string_view vector);

/// Why the effective severity is what it is.
enum class SeverityReason : std::uint8_t {
  kUnknown,          ///< No source gives a severity.
  kUndetermined,     ///< The distribution has not found out whether it is affected.
  kVendor,           ///< The distribution's own judgement.
  kVendorBelowCvss,  ///< The same, in a lower band than the CVSS base score: said, never silent.
  kCvss,             ///< Band of the CVSS base score: the distribution has not judged it.
  kKev,              ///< Known to be exploited, which counts as high: the others say less.
};
std::string_view severity_reason_code(
    SeverityReason reason);  ///< "unknown", "undetermined", "vendor", "vendor-below-cvss", "cvss", "kev": stable.

/// What sources say of how bad a vulnerability is, kept apart.
struct Judgement {
  Severity vendor = Severity::kUnknown;     ///< The distribution's.
  std::optional<std::uint8_t> cvss_tenths = {};  ///< CVSS v3 base score, 0..100.
  bool kev = false;                         ///< In CISA's catalogue of those known to be exploited.
  bool undetermined = false;                ///< The distribution does not know yet whether it is affected.
  bool no_dsa = false;                      ///< The distribution plans no advisory of its own for it.
  friend auto operator<=>(const Judgement&, const Judgement&) = default;
};

struct EffectiveSeverity {
  Severity severity = Severity::kUnknown;
  SeverityReason reason = SeverityReason::kUnknown;
  friend bool operator==(const EffectiveSeverity&, const EffectiveSeverity&) = default;
};
/// The distribution's judgement if there is one, else the CVSS band, else unknown; at least high when it is known to be
/// exploited. EPSS plays no part: it is a probability, no severity.
EffectiveSeverity effective_severity(const Judgement& judgement);
/// For a person: "the distribution says low, where the CVSS base score of 9.8 is critical".
std::string severity_reason_text(const Judgement& judgement);

/// Distinct vulnerabilities by effective severity. A vulnerability stands in exactly one of the
/// first six: the highest it has in any package, where an unknown severity with a fix goes before
/// medium (it may be high, so nobody who asks for high may be told "none") and one without a fix
/// comes last.
struct Counts {
  std::uint32_t critical = 0, high = 0, medium = 0, low = 0, info = 0;
  std::uint32_t unknown = 0;
  std::uint32_t unknown_fixable = 0;  ///< Of `unknown`, those with a fixed version published.
  friend bool operator==(const Counts&, const Counts&) = default;
};

}  // namespace postern::vuln
