#include "vuln/severity.h"

#include <algorithm>
#include <cmath>
#include <map>

#include <fmt/format.h>

#include "base/text.h"

namespace postern::vuln {

std::string_view severity_name(Severity severity) {
  switch (severity) {
    case Severity::kUnknown: return "unknown";
    case Severity::kInfo: return "info";
    case Severity::kLow: return "low";
    case Severity::kMedium: return "medium";
    case Severity::kHigh: return "high";
    case Severity::kCritical: return "critical";
  }
  return "unknown";
}

Severity severity_of_cvss(double score) {
  if (score >= 9.0) return Severity::kCritical;
  if (score >= 7.0) return Severity::kHigh;
  if (score >= 4.0) return Severity::kMedium;
  return score > 0 ? Severity::kLow : Severity::kUnknown;
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
  const auto bad = [&](std::string why) { return fail(ErrorCode::kInvalidArgument, "CVSS vector: " + std::move(why)); };
  if (vector.size() > 256) return bad("too long");
  const auto parts = split(vector, '/');
  if (parts[0] != "CVSS:3.0" && parts[0] != "CVSS:3.1") return bad("not version 3.0 or 3.1");
  std::map<std::string_view, std::string_view> metrics;
  for (std::size_t i = 1; i < parts.size(); ++i) {
    const auto colon = parts[i].find(':');
    if (colon == parts[i].npos || colon + 1 >= parts[i].size()) return bad(fmt::format("\"{}\" is no metric", parts[i]));
    if (!metrics.emplace(parts[i].substr(0, colon), parts[i].substr(colon + 1)).second) {
      return bad(fmt::format("{} is given twice", parts[i].substr(0, colon)));
    }
  }
  bool good = true;
  // Specification v3.1, section 7.4.
  const auto weight = [&](std::string_view name, std::initializer_list<std::pair<std::string_view, double>> values) {
    const auto it = metrics.find(name);
    if (it != metrics.end()) {
      for (const auto& [value, number] : values) {
        if (it->second == value) return number;
      }
    }
    good = false;
    return 0.0;
  };
  const bool changed = metrics.contains("S") && metrics["S"] == "C";
  weight("S", {{"U", 0}, {"C", 0}});
  const double av = weight("AV", {{"N", 0.85}, {"A", 0.62}, {"L", 0.55}, {"P", 0.2}});
  const double ac = weight("AC", {{"L", 0.77}, {"H", 0.44}});
  const double pr = weight("PR", {{"N", 0.85}, {"L", changed ? 0.68 : 0.62}, {"H", changed ? 0.5 : 0.27}});
  const double ui = weight("UI", {{"N", 0.85}, {"R", 0.62}});
  const double c = weight("C", {{"H", 0.56}, {"L", 0.22}, {"N", 0}});
  const double i = weight("I", {{"H", 0.56}, {"L", 0.22}, {"N", 0}});
  const double a = weight("A", {{"H", 0.56}, {"L", 0.22}, {"N", 0}});
  if (!good) return bad("a base metric is missing or has a value it cannot have");
  const double iss = 1 - (1 - c) * (1 - i) * (1 - a);
  const double impact = changed ? 7.52 * (iss - 0.029) - 3.25 * std::pow(iss - 0.02, 15) : 6.42 * iss;
  if (impact <= 0) return 0.0;
  const double exploitability = 8.22 * av * ac * pr * ui;
  const double raw = std::min(changed ? 1.08 * (impact + exploitability) : impact + exploitability, 10.0);
  // Appendix A: the smallest number to one decimal that is not below, safe from binary fractions.
  const auto scaled = static_cast<long>(std::lround(raw * 100000));
  return scaled % 10000 == 0 ? scaled / 100000.0 : (scaled / 10000 + 1) / 10.0;
}

}  // namespace postern::vuln
