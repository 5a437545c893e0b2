#include "ems/tagging/open_findings.h"

#include <algorithm>
#include <unordered_map>

#include "base/sort_unique.h"
#include "ems/registry/model.h"

namespace postern::ems {
namespace {

/// In how many places vuln::Counts' order puts a CVE; see there.
enum Place : std::uint8_t { kUnknownWithoutFix, kInfo, kLow, kMedium, kUnknownWithFix, kHigh, kCritical };

Place place_of(const Finding& f) {
  if (f.severity == "critical") return kCritical;
  if (f.severity == "high") return kHigh;
  if (f.severity == "medium") return kMedium;
  if (f.severity == "low") return kLow;
  if (f.severity == "info") return kInfo;
  return f.fixed.empty() ? kUnknownWithoutFix : kUnknownWithFix;
}

/// Distinct CVEs by the highest place that each has in any package.
posture::VulnerabilityCounts counts_of(const std::vector<Finding>& findings) {
  std::unordered_map<std::string_view, Place> places;
  for (const auto& f : findings) {
    if (f.accepted) continue;
    const auto place = place_of(f);
    const auto [it, first] = places.emplace(f.cve, place);
    it->second = std::max(it->second, place);
  }
  posture::VulnerabilityCounts out;
  for (const auto& [cve, place] : places) {
    switch (place) {
      case kCritical: ++out.critical; break;
      case kHigh: ++out.high; break;
      case kMedium: ++out.medium; break;
      case kLow: ++out.low; break;
      case kInfo: ++out.info; break;
      case kUnknownWithFix: ++out.unknown, ++out.unknown_fixable; break;
      case kUnknownWithoutFix: ++out.unknown; break;
    }
  }
  return out;
}

bool covers(const Risk& risk, const Finding& f) {
  return risk.cve == f.cve && (risk.source.empty() || risk.source == f.source) &&
         (risk.version.empty() || risk.version == f.version || risk.version == f.source_version);
}

}  // namespace

void summarise(MatchResult& result) {
  result.cves.clear();
  result.max_cvss_tenths.reset();
  result.max_epss.reset();
  std::vector<std::string_view> exploited;
  for (const auto& f : result.findings) {
    if (f.accepted) continue;
    result.cves.push_back(f.cve);
    if (f.kev) exploited.push_back(f.cve);
    result.max_cvss_tenths = std::max(result.max_cvss_tenths, f.judgement.cvss_tenths);
    if (f.note) result.max_epss = std::max(result.max_epss, f.note->epss);
  }
  sort_unique(result.cves);
  sort_unique(exploited);
  result.total = static_cast<std::uint32_t>(result.cves.size());
  result.kev = static_cast<std::uint32_t>(exploited.size());
}

std::shared_ptr<const MatchResult> with_accepted(std::shared_ptr<const MatchResult> result,
                                                 const std::vector<std::shared_ptr<const Risk>>& risks) {
  std::shared_ptr<MatchResult> changed;
  for (const auto& risk : risks) {
    if (!std::ranges::binary_search(result->cves, risk->cve)) continue;
    for (std::size_t i = 0; i < result->findings.size(); ++i) {
      if (!covers(*risk, result->findings[i])) continue;
      if (!changed) changed = std::make_shared<MatchResult>(*result);
      auto& accepted = changed->findings[i].accepted;
      // Of several, the one that holds longest.
      if (!accepted || accepted->expires_at < risk->expires_at) accepted = risk;
    }
  }
  if (!changed) return result;
  summarise(*changed);
  if (changed->findings_omitted == 0) changed->counts = counts_of(changed->findings);
  return changed;
}

}  // namespace postern::ems
