#include "vuln/advisory.h"

#include <algorithm>

namespace postern::vuln {

AdvisorySet::AdvisorySet() : digest_(sha256(std::string_view())) {}

AdvisorySet AdvisorySet::build(std::vector<Entry> entries) {
  // What is known of a vulnerability as such, wherever it was said.
  struct Common {
    Severity cvss = Severity::kUnknown;
    bool kev = false;
  };
  std::map<std::string, Common> common;
  for (const auto& entry : entries) {
    if (!entry.sole) continue;
    auto& c = common[entry.advisory.cve];
    c.cvss = std::max(c.cvss, entry.advisory.cvss);
    c.kev = c.kev || entry.advisory.kev;
  }
  AdvisorySet set;
  for (auto& entry : entries) {
    auto& advisory = entry.advisory;
    if (const auto it = common.find(advisory.cve); it != common.end()) {
      advisory.cvss = std::max(advisory.cvss, it->second.cvss);
      advisory.kev = advisory.kev || it->second.kev;
    }
    std::sort(advisory.intervals.begin(), advisory.intervals.end());
    std::sort(advisory.versions.begin(), advisory.versions.end());
    set.by_ecosystem_[entry.ecosystem][entry.source].push_back(std::move(advisory));
  }
  std::string canonical;
  const auto put = [&](std::string_view text) {
    canonical += std::to_string(text.size());
    canonical += ':';
    canonical += text;
  };
  for (auto& [ecosystem, sources] : set.by_ecosystem_) {
    std::vector<std::string_view> names;
    for (auto& [source, list] : sources) {
      names.push_back(source);
      std::sort(list.begin(), list.end());
      list.erase(std::unique(list.begin(), list.end()), list.end());
      // The vendor's judgement of a vulnerability holds for all its rows of this source.
      for (std::size_t at = 0; at < list.size();) {
        std::size_t end = at;
        Severity vendor = Severity::kUnknown;
        for (; end < list.size() && list[end].cve == list[at].cve; ++end) vendor = std::max(vendor, list[end].vendor);
        for (; at < end; ++at) {
          auto effective = vendor != Severity::kUnknown ? vendor : list[at].cvss;
          if (list[at].kev) effective = std::max(effective, Severity::kHigh);
          list[at].effective = effective;
        }
      }
      set.size_ += list.size();
    }
    std::sort(names.begin(), names.end());
    for (const auto name : names) {
      put(ecosystem);
      put(name);
      for (const auto& a : sources.find(name)->second) {
        put(a.cve);
        for (const auto& i : a.intervals) {
          put(i.introduced);
          put(i.fixed);
          put(i.last_affected);
        }
        for (const auto& v : a.versions) put(v);
        put(severity_name(a.effective));
        put(a.kev ? "kev" : "");
      }
    }
  }
  set.digest_ = sha256(canonical);
  return set;
}

const std::vector<Advisory>& AdvisorySet::of(std::string_view ecosystem, std::string_view source) const {
  static const std::vector<Advisory> kNone;
  const auto e = by_ecosystem_.find(ecosystem);
  if (e == by_ecosystem_.end()) return kNone;
  const auto s = e->second.find(source);
  return s == e->second.end() ? kNone : s->second;
}

bool AdvisorySet::covers(std::string_view ecosystem) const { return by_ecosystem_.find(ecosystem) != by_ecosystem_.end(); }

std::vector<std::string> AdvisorySet::ecosystems() const {
  std::vector<std::string> out;
  for (const auto& [name, sources] : by_ecosystem_) out.push_back(name);
  return out;
}

}  // namespace postern::vuln
