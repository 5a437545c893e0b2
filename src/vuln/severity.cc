#include "vuln/severity.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <string>
#include <utility>

namespace postern::vuln {
namespace {

struct Metric {
  std::string_view name;
  std::string_view values;  // One letter each.
};

// The base metrics first, in the order of the indexes below; then those that may follow.
constexpr std::array kMetrics{
    Metric{"AV", "NALP"},  Metric{"AC", "LH"},    Metric{"PR", "NLH"},    Metric{"UI", "NR"},
    Metric{"S", "UC"},     Metric{"C", "HLN"},    Metric{"I", "HLN"},     Metric{"A", "HLN"},
    Metric{"E", "XHFPU"},  Metric{"RL", "XUWTO"}, Metric{"RC", "XCRU"},   Metric{"CR", "XHML"},
    Metric{"IR", "XHML"},  Metric{"AR", "XHML"},  Metric{"MAV", "XNALP"}, Metric{"MAC", "XLH"},
    Metric{"MPR", "XNLH"}, Metric{"MUI", "XNR"},  Metric{"MS", "XUC"},    Metric{"MC", "XNLH"},
    Metric{"MI", "XNLH"},  Metric{"MA", "XNLH"},
};
constexpr std::size_t kBaseMetrics = 8;
enum : std::size_t { kAv, kAc, kPr, kUi, kS, kC, kI, kA };

double impact_weight(char value) { return value == 'H' ? 0.56 : value == 'L' ? 0.22 : 0.0; }

double attack_vector_weight(char value) {
  switch (value) {
    case 'N':
      return 0.85;
    case 'A':
      return 0.62;
    case 'L':
      return 0.55;
    default:
      return 0.2;
  }
}

double privileges_weight(char value, bool scope_changed) {
  if (value == 'N') return 0.85;
  if (value == 'L') return scope_changed ? 0.68 : 0.62;
  return scope_changed ? 0.5 : 0.27;
}

/// Up to one decimal. Version 3.1 defines it on integers, so that floating point cannot push 4.0
/// to 4.1.
double round_up(double value, bool version_3_1) {
  if (!version_3_1) return std::ceil(value * 10) / 10;
  const auto scaled = std::llround(value * 100000);
  if (scaled % 10000 == 0) return static_cast<double>(scaled) / 100000;
  return static_cast<double>(scaled / 10000 + 1) / 10;
}

double base_score(const std::array<char, kMetrics.size()>& m, bool version_3_1) {
  const bool changed = m[kS] == 'C';
  const double iss =
      1 - (1 - impact_weight(m[kC])) * (1 - impact_weight(m[kI])) * (1 - impact_weight(m[kA]));
  const double impact =
      changed ? 7.52 * (iss - 0.029) - 3.25 * std::pow(iss - 0.02, 15) : 6.42 * iss;
  if (impact <= 0) return 0;
  const double exploitability = 8.22 * attack_vector_weight(m[kAv]) *
                                (m[kAc] == 'L' ? 0.77 : 0.44) * privileges_weight(m[kPr], changed) *
                                (m[kUi] == 'N' ? 0.85 : 0.62);
  const double sum = (changed ? 1.08 : 1.0) * (impact + exploitability);
  return round_up(std::min(sum, 10.0), version_3_1);
}

}  // namespace

std::string_view severity_name(Severity severity) {
  switch (severity) {
    case Severity::kInfo:
      return "info";
    case Severity::kLow:
      return "low";
    case Severity::kMedium:
      return "medium";
    case Severity::kHigh:
      return "high";
    case Severity::kCritical:
      return "critical";
    case Severity::kUnknown:
      break;
  }
  return "unknown";
}

Severity severity_of_cvss(double score) {
  if (score >= 9.0) return Severity::kCritical;
  if (score >= 7.0) return Severity::kHigh;
  if (score >= 4.0) return Severity::kMedium;
  if (score > 0.0) return Severity::kLow;
  return Severity::kUnknown;
}

Result<std::uint8_t> cvss3_base_tenths(std::string_view vector) {
  const auto score = cvss3_base_score(vector);
  if (!score) return fail(score.error());
  return static_cast<std::uint8_t>(std::lround(*score * 10));
}

std::string_view severity_reason_code(SeverityReason reason) {
  switch (reason) {
    case SeverityReason::kUndetermined:
      return "undetermined";
    case SeverityReason::kVendor:
      return "vendor";
    case SeverityReason::kVendorBelowCvss:
      return "vendor-below-cvss";
    case SeverityReason::kCvss:
      return "cvss";
    case SeverityReason::kKev:
      return "kev";
    case SeverityReason::kUnknown:
      break;
  }
  return "unknown";
}

EffectiveSeverity effective_severity(const Judgement& j) {
  const auto cvss = severity_of_cvss_tenths(j.cvss_tenths);
  EffectiveSeverity out;
  if (j.undetermined) {
    out.reason = SeverityReason::kUndetermined;
  } else if (j.vendor != Severity::kUnknown) {
    out = {j.vendor, cvss > j.vendor ? SeverityReason::kVendorBelowCvss : SeverityReason::kVendor};
  } else if (cvss != Severity::kUnknown) {
    out = {cvss, SeverityReason::kCvss};
  }
  if (j.kev && out.severity < Severity::kHigh) out = {Severity::kHigh, SeverityReason::kKev};
  return out;
}

std::string severity_reason_text(const Judgement& j) {
  const auto effective = effective_severity(j);
  const auto score = [&] { return fmt::format("{}.{}", *j.cvss_tenths / 10, *j.cvss_tenths % 10); };
  switch (effective.reason) {
    case SeverityReason::kUnknown:
      return "neither the distribution nor a CVSS score says how bad it is";
    case SeverityReason::kUndetermined:
      return "the distribution has not found out yet whether it is affected";
    case SeverityReason::kVendor:
      return fmt::format("the distribution says {}", severity_name(j.vendor));
    case SeverityReason::kVendorBelowCvss:
      return fmt::format("the distribution says {}, where the CVSS base score of {} is {}",
                         severity_name(j.vendor), score(),
                         severity_name(severity_of_cvss_tenths(j.cvss_tenths)));
    case SeverityReason::kCvss:
      return fmt::format("CVSS base score {}; the distribution has not judged it", score());
    case SeverityReason::kKev:
      break;
  }
  auto without = j;
  without.kev = false;
  return fmt::format("known to be exploited (CISA KEV): high, not {}",
                     severity_name(effective_severity(without).severity));
}

Severity severity_of_urgency(std::string_view urgency) {
  while (!urgency.empty() && urgency.back() == '*') urgency.remove_suffix(1);
  if (urgency == "high") return Severity::kHigh;
  if (urgency == "medium") return Severity::kMedium;
  if (urgency == "low") return Severity::kLow;
  if (urgency == "unimportant") return Severity::kInfo;
  return Severity::kUnknown;
}

Result<double> cvss3_base_score(std::string_view vector) {
  const auto refuse = [](std::string why) {
    return fail(ErrorCode::kInvalidArgument, "CVSS vector: " + std::move(why));
  };
  const bool version_3_1 = vector.starts_with("CVSS:3.1/");
  if (!version_3_1 && !vector.starts_with("CVSS:3.0/")) {
    return refuse("it does not begin with CVSS:3.1/ or CVSS:3.0/");
  }
  vector.remove_prefix(9);
  std::array<char, kMetrics.size()> given{};
  for (bool last = false; !last;) {
    const auto slash = vector.find('/');
    last = slash == std::string_view::npos;
    const auto piece = vector.substr(0, slash);
    vector.remove_prefix(last ? vector.size() : slash + 1);
    const auto colon = piece.find(':');
    const auto metric = std::find_if(kMetrics.begin(), kMetrics.end(), [&](const Metric& m) {
      return colon != std::string_view::npos && m.name == piece.substr(0, colon);
    });
    if (metric == kMetrics.end()) return refuse("a metric that version 3 does not have");
    const auto value = piece.substr(colon + 1);
    if (value.size() != 1 || metric->values.find(value[0]) == std::string_view::npos) {
      return refuse(fmt::format("metric {} has a value it cannot have", metric->name));
    }
    char& place = given[static_cast<std::size_t>(metric - kMetrics.begin())];
    if (place != 0) return refuse(fmt::format("metric {} is given twice", metric->name));
    place = value[0];
  }
  for (std::size_t i = 0; i < kBaseMetrics; ++i) {
    if (given[i] == 0) return refuse(fmt::format("metric {} is missing", kMetrics[i].name));
  }
  return base_score(given, version_3_1);
}

}  // namespace postern::vuln
