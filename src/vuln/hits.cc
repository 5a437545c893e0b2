#include "vuln/hits.h"

#include <array>

#include "base/versions/order.h"

namespace postern::vuln {

Standing standing_of(Severity severity, bool has_fix) {
  switch (severity) {
    case Severity::kUnknown:
      return has_fix ? Standing::kUnknownWithFix : Standing::kUnknownWithoutFix;
    case Severity::kInfo:
      return Standing::kInfo;
    case Severity::kLow:
      return Standing::kLow;
    case Severity::kMedium:
      return Standing::kMedium;
    case Severity::kHigh:
      return Standing::kHigh;
    case Severity::kCritical:
      return Standing::kCritical;
  }
  return Standing::kUnknownWithFix;
}

std::vector<Hit> hits_in(const SourceAdvisories& source, std::string_view version, CveNumbers& numbers) {
  std::vector<Hit> hits;
  for (const auto& advisory : source.advisories) {
    std::string_view fixed;
    if (!affects(*advisory.affected, version, fixed)) continue;
    if (!hits.empty() && hits.back().advisory->cve == advisory.cve) {
      auto& hit = hits.back();
      const auto later = [&] { return versions::compare(advisory.affected->order, hit.fixed, fixed) < 0; };
      if (hit.fixed.empty() || (!fixed.empty() && later())) hit.fixed = fixed;
      continue;
    }
    hits.push_back({numbers.of(advisory.cve), Standing::kNone, &advisory, fixed});
  }
  for (auto& hit : hits) hit.standing = standing_of(hit.advisory->effective.severity, !hit.fixed.empty());
  return hits;
}

Tally::Result Tally::finish() {
  std::array<std::uint32_t, static_cast<std::size_t>(Standing::kCritical) + 1> n{};
  Result out;
  for (const auto number : met_) {
    auto& held = met_as_[number];
    ++n[static_cast<std::size_t>(held.standing)];
    if (held.exploited) ++out.exploited;
    held = {};
  }
  met_.clear();
  const auto of = [&](Standing s) { return n[static_cast<std::size_t>(s)]; };
  out.counts = {.critical = of(Standing::kCritical),
                .high = of(Standing::kHigh),
                .medium = of(Standing::kMedium),
                .low = of(Standing::kLow),
                .info = of(Standing::kInfo),
                .unknown = of(Standing::kUnknownWithFix) + of(Standing::kUnknownWithoutFix),
                .unknown_fixable = of(Standing::kUnknownWithFix)};
  return out;
}

}  // namespace postern::vuln
