#pragma once
// Counts of vulnerabilities from a severity up.
#include <algorithm>
#include <array>
#include <numeric>
#include <string>
#include <string_view>

#include "posture/fact.h"

namespace postern::posture::rules {

inline constexpr std::array<std::string_view, 4> kCountedSeverities{"low", "medium", "high", "critical"};
inline constexpr std::int64_t kMostVulnerabilities = 1'000'000;  ///< That a parameter may name.

/// Index into kCountedSeverities. REQUIRES: it is one of them.
inline std::size_t severity_index(std::string_view name) {
  return static_cast<std::size_t>(std::find(kCountedSeverities.begin(), kCountedSeverities.end(), name) -
                                  kCountedSeverities.begin());
}

/// How many there are at the severity or above.
inline std::int64_t count_from(const VulnerabilityCounts& counts, std::size_t severity) {
  const std::array<std::int64_t, 4> all{counts.low, counts.medium, counts.high, counts.critical};
  return std::accumulate(all.begin() + static_cast<std::ptrdiff_t>(severity), all.end(), std::int64_t{0});
}

/// "high or higher", "critical".
inline std::string severity_in_words(std::size_t severity) {
  std::string text(kCountedSeverities[severity]);
  return severity + 1 < kCountedSeverities.size() ? text + " or higher" : text;
}

}  // namespace postern::posture::rules
