#include "vuln/advisory.h"

#include <algorithm>
#include <tuple>

#include "base/versions/debian.h"

namespace postern::vuln {
namespace {

using Entry = AdvisorySet::Entry;

auto pair_of(const Entry& e) { return std::tie(e.ecosystem, e.source, e.advisory.cve); }

/// What is known of a vulnerability wherever it occurs.
struct Shared {
  Severity cvss = Severity::kUnknown;
  bool kev = false;
};

using SharedByCve = std::unordered_map<std::string, Shared>;

SharedByCve gather(const std::vector<Entry>& entries) {
  SharedByCve known;
  for (const auto& e : entries) {
    const auto& a = e.advisory;
    if (!e.sole || (a.cvss == Severity::kUnknown && !a.kev)) continue;
    auto& k = known[a.cve];
    k.cvss = std::max(k.cvss, a.cvss);
    k.kev = k.kev || a.kev;
  }
  return known;
}

/// Gives all entries of one (ecosystem, source, vulnerability) the same judgement.
void judge(std::vector<Entry>::iterator begin, std::vector<Entry>::iterator end,
           const SharedByCve& known) {
  Advisory all;
  if (const auto k = known.find(begin->advisory.cve); k != known.end()) {
    all.cvss = k->second.cvss;
    all.kev = k->second.kev;
  }
  for (auto e = begin; e != end; ++e) {
    all.vendor = std::max(all.vendor, e->advisory.vendor);
    all.cvss = std::max(all.cvss, e->advisory.cvss);
    all.kev = all.kev || e->advisory.kev;
  }
  all.effective = all.vendor != Severity::kUnknown ? all.vendor : all.cvss;
  if (all.kev) all.effective = std::max(all.effective, Severity::kHigh);
  for (auto e = begin; e != end; ++e) {
    auto& a = e->advisory;
    a.vendor = all.vendor;
    a.cvss = all.cvss;
    a.kev = all.kev;
    a.effective = all.effective;
  }
}

void put(std::string& text, std::string_view field) {
  text += field;
  text += '\0';
}

/// No field holds a NUL, so the text is one-to-one with the content.
void write_canonical(std::string& text, const Advisory& a) {
  put(text, a.cve);
  put(text, severity_name(a.vendor));
  put(text, severity_name(a.cvss));
  put(text, a.kev ? "kev" : "");
  for (const auto& i : a.affected->intervals) {
    put(text, "interval");
    put(text, i.introduced);
    put(text, i.fixed);
    put(text, i.last_affected);
  }
  for (const auto& v : a.affected->versions) {
    put(text, "version");
    put(text, v);
  }
  text += '\n';
}

}  // namespace

bool affects(const AffectedVersions& affected, std::string_view version, std::string_view& fixed) {
  fixed = {};
  for (const auto& i : affected.intervals) {
    if (!i.introduced.empty() && versions::compare_debian(version, i.introduced) < 0) continue;
    if (!i.fixed.empty() && versions::compare_debian(version, i.fixed) >= 0) continue;
    if (!i.last_affected.empty() && versions::compare_debian(version, i.last_affected) > 0) continue;
    fixed = i.fixed;
    return true;
  }
  return std::any_of(affected.versions.begin(), affected.versions.end(), [&](const std::string& v) {
    return versions::compare_debian(version, v) == 0;
  });
}

AdvisorySet::AdvisorySet() : digest_(sha256(std::string_view())) {}

AdvisorySet AdvisorySet::build(std::vector<Entry> entries) {
  AdvisorySet set;
  const auto known = gather(entries);
  std::sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) {
    if (const auto c = pair_of(a) <=> pair_of(b); c != 0) return c < 0;
    return *a.advisory.affected < *b.advisory.affected;
  });
  for (auto begin = entries.begin(); begin != entries.end();) {
    const auto end = std::find_if(begin, entries.end(),
                                  [&](const Entry& e) { return pair_of(e) != pair_of(*begin); });
    judge(begin, end, known);
    begin = end;
  }
  // Within one vulnerability everything but the versions is the same by now.
  entries.erase(std::unique(entries.begin(), entries.end(),
                            [](const Entry& a, const Entry& b) {
                              return pair_of(a) == pair_of(b) &&
                                     *a.advisory.affected == *b.advisory.affected;
                            }),
                entries.end());
  std::string digests;  // Of each source, in order.
  for (auto begin = entries.begin(); begin != entries.end();) {
    const auto end = std::find_if(begin, entries.end(), [&](const Entry& e) {
      return e.ecosystem != begin->ecosystem || e.source != begin->source;
    });
    std::string text;
    put(text, begin->ecosystem);
    put(text, begin->source);
    auto& advisories = set.by_ecosystem_[begin->ecosystem][begin->source];
    advisories.reserve(static_cast<std::size_t>(end - begin));
    for (; begin != end; ++begin) {
      write_canonical(text, begin->advisory);
      advisories.push_back(std::move(begin->advisory));
    }
    digests += as_text(sha256(text));
  }
  set.size_ = entries.size();
  set.digest_ = sha256(digests);
  return set;
}

const std::vector<Advisory>& AdvisorySet::of(std::string_view ecosystem,
                                             std::string_view source) const {
  static const std::vector<Advisory> kNone;
  const auto e = by_ecosystem_.find(ecosystem);
  if (e == by_ecosystem_.end()) return kNone;
  const auto s = e->second.find(source);
  return s == e->second.end() ? kNone : s->second;
}

bool AdvisorySet::covers(std::string_view ecosystem) const {
  return by_ecosystem_.find(ecosystem) != by_ecosystem_.end();
}

std::vector<std::string> AdvisorySet::ecosystems() const {
  std::vector<std::string> names;
  for (const auto& [name, sources] : by_ecosystem_) names.push_back(name);
  return names;
}

}  // namespace postern::vuln
