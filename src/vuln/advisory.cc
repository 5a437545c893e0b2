#include "vuln/advisory.h"

#include <algorithm>
#include <tuple>

#include "base/versions/order.h"

namespace postern::vuln {
namespace {

using Entry = AdvisorySet::Entry;

auto pair_of(const Entry& e) { return std::tie(e.ecosystem, e.source, e.advisory.cve); }

/// Adds what records about one vulnerability alone say of it to what catalogues do.
void gather(const std::vector<Entry>& entries, CveNotes& notes) {
  for (const auto& e : entries) {
    const auto& j = e.advisory.judgement;
    if (!e.sole || (!j.cvss_tenths && !j.kev)) continue;
    auto& note = notes[e.advisory.cve];
    note.kev = note.kev || j.kev;
    // Of one score in two records, the vector that sorts first: whatever order they come in.
    const std::string_view vector = e.cvss_vector ? std::string_view(*e.cvss_vector) : std::string_view();
    const bool better = j.cvss_tenths > note.cvss_tenths;  // None is less than any.
    if (better) note.cvss_tenths = j.cvss_tenths;
    const bool first = note.cvss_vector.empty() || vector < note.cvss_vector;
    if (better || (j.cvss_tenths == note.cvss_tenths && !vector.empty() && first))
      note.cvss_vector = vector;
  }
}

/// Gives all entries of one (ecosystem, source, vulnerability) the same judgement.
void judge(std::vector<Entry>::iterator begin, std::vector<Entry>::iterator end,
           const CveNotes& notes) {
  Judgement all;
  if (const auto n = notes.find(begin->advisory.cve); n != notes.end()) {
    all.cvss_tenths = n->second.cvss_tenths;
    all.kev = n->second.kev;
  }
  auto of_tracker = Severity::kUnknown;
  for (auto e = begin; e != end; ++e) {
    const auto& j = e->advisory.judgement;
    all.vendor = std::max(all.vendor, j.vendor);
    if (e->tracker) of_tracker = std::max(of_tracker, j.vendor);
    all.cvss_tenths = std::max(all.cvss_tenths, j.cvss_tenths);
    all.kev = all.kev || j.kev;
    all.undetermined = all.undetermined || j.undetermined;
  }
  if (of_tracker != Severity::kUnknown) all.vendor = of_tracker;
  for (auto e = begin; e != end; ++e) {
    auto& a = e->advisory;
    a.judgement = all;
    a.effective = effective_severity(all);
  }
}

/// Of the entries of one (ecosystem, source, vulnerability), those whose versions count come first; where they end.
std::vector<Entry>::iterator decisive(std::vector<Entry>::iterator begin, std::vector<Entry>::iterator end) {
  const auto of_tracker = [](const Entry& e) { return e.tracker; };
  if (std::none_of(begin, end, of_tracker)) return end;
  const auto affects_any = [](const Entry& e) {
    return e.tracker && !(e.advisory.affected->intervals.empty() && e.advisory.affected->versions.empty());
  };
  return std::stable_partition(begin, end, affects_any);
}

void put(std::string& text, std::string_view field) {
  text += field;
  text += '\0';
}

/// No field holds a NUL, so the text is one-to-one with the content.
void write_canonical(std::string& text, const Advisory& a) {
  put(text, a.cve);
  const auto& j = a.judgement;
  put(text, severity_name(j.vendor));
  put(text, j.cvss_tenths ? std::to_string(*j.cvss_tenths) : "");
  put(text, j.kev ? "kev" : "");
  put(text, j.undetermined ? "undetermined" : "");
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

void write_canonical(std::string& text, const std::string& cve, const CveNote& n) {
  const auto number = [](const auto& value) { return value ? std::to_string(*value) : std::string(); };
  put(text, cve);
  put(text, number(n.cvss_tenths));
  put(text, n.cvss_vector);
  put(text, n.kev ? "kev" : "");
  put(text, n.kev_added);
  put(text, n.kev_due);
  put(text, n.kev_ransomware ? "ransomware" : "");
  put(text, number(n.epss));
  put(text, number(n.epss_percentile));
}

}  // namespace

bool affects(const AffectedVersions& affected, std::string_view version, std::string_view& fixed) {
  fixed = {};
  const auto order = affected.order;
  for (const auto& i : affected.intervals) {
    if (!i.introduced.empty() && versions::compare(order, version, i.introduced) < 0) continue;
    if (!i.fixed.empty() && versions::compare(order, version, i.fixed) >= 0) continue;
    if (!i.last_affected.empty() && versions::compare(order, version, i.last_affected) > 0) continue;
    fixed = i.fixed;
    return true;
  }
  return std::any_of(affected.versions.begin(), affected.versions.end(), [&](const std::string& v) {
    return versions::compare(order, version, v) == 0;
  });
}

AdvisorySet::AdvisorySet() : digest_(sha256(std::string_view())) {}

AdvisorySet AdvisorySet::build(std::vector<Entry> entries, CveNotes notes) {
  AdvisorySet set;
  gather(entries, notes);
  std::sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) {
    if (const auto c = pair_of(a) <=> pair_of(b); c != 0) return c < 0;
    return *a.advisory.affected < *b.advisory.affected;
  });
  auto kept = entries.begin();
  std::map<SourceName, std::string> unread;
  for (auto begin = entries.begin(); begin != entries.end();) {
    const auto end = std::find_if(begin, entries.end(),
                                  [&](const Entry& e) { return pair_of(e) != pair_of(*begin); });
    set.by_ecosystem_[begin->ecosystem];  // Spoken of, even if only to say that it isn't affected.
    const auto understood = std::stable_partition(begin, end, [](const Entry& e) { return e.unread.empty(); });
    if (understood == begin) {
      unread.try_emplace({begin->ecosystem, begin->source}, begin->unread);
      begin = end;
      continue;
    }
    judge(begin, understood, notes);
    const auto counted = decisive(begin, understood);
    kept = kept == begin ? counted : std::move(begin, counted, kept);
    begin = end;
  }
  entries.erase(kept, entries.end());
  // Within one vulnerability everything but the versions is the same by now.
  entries.erase(std::unique(entries.begin(), entries.end(),
                            [](const Entry& a, const Entry& b) {
                              return pair_of(a) == pair_of(b) &&
                                     *a.advisory.affected == *b.advisory.affected;
                            }),
                entries.end());
  std::string digests;  // Of ecosystems and sources, in order.
  for (const auto& [name, sources] : set.by_ecosystem_) put(digests, name);
  for (auto begin = entries.begin(); begin != entries.end();) {
    const auto end = std::find_if(begin, entries.end(), [&](const Entry& e) {
      return e.ecosystem != begin->ecosystem || e.source != begin->source;
    });
    std::string text, said_of_cves;
    put(text, begin->ecosystem);
    put(text, begin->source);
    auto& source = set.by_ecosystem_[begin->ecosystem][begin->source];
    source = std::make_shared<SourceAdvisories>();
    source->advisories.reserve(static_cast<std::size_t>(end - begin));
    for (; begin != end; ++begin) {
      const auto& cve = begin->advisory.cve;
      if (const auto n = notes.find(cve); n != notes.end()) set.notes_.insert(notes.extract(n));
      if (const auto* note = set.note(cve)) write_canonical(said_of_cves, cve, *note);
      write_canonical(text, begin->advisory);
      source->advisories.push_back(std::move(begin->advisory));
    }
    source->digest = sha256(text);
    source->notes_digest = sha256(said_of_cves);
    digests += as_text(source->digest);
    digests += as_text(source->notes_digest);
  }
  for (auto& [name, id] : unread) {
    auto& source = set.by_ecosystem_[name.ecosystem][name.source];
    if (!source) source = std::make_shared<SourceAdvisories>();
    std::string text(as_text(source->digest));
    put(text, name.ecosystem);
    put(text, name.source);
    put(text, id);
    source->digest = sha256(text);
    source->unread = std::move(id);
    digests += as_text(source->digest);
  }
  set.any_unread_ = !unread.empty();
  set.size_ = entries.size();
  set.digest_ = sha256(digests);
  return set;
}

std::shared_ptr<const SourceAdvisories> AdvisorySet::source(std::string_view ecosystem,
                                                            std::string_view source) const {
  const auto e = by_ecosystem_.find(ecosystem);
  if (e == by_ecosystem_.end()) return nullptr;
  const auto s = e->second.find(source);
  return s == e->second.end() ? nullptr : s->second;
}

std::vector<SourceName> AdvisorySet::changed_sources(const AdvisorySet& before, const AdvisorySet& after) {
  std::vector<SourceName> changed;
  const auto compare = [&](const AdvisorySet& a, const AdvisorySet& b, bool gone_only) {
    for (const auto& [ecosystem, sources] : a.by_ecosystem_) {
      for (const auto& [name, said] : sources) {
        const auto other = b.source(ecosystem, name);
        if (gone_only ? !other : (!other || other->digest != said->digest)) changed.push_back({ecosystem, name});
      }
    }
  };
  compare(after, before, false);
  compare(before, after, true);
  std::sort(changed.begin(), changed.end());
  return changed;
}

const std::vector<Advisory>& AdvisorySet::of(std::string_view ecosystem,
                                             std::string_view source) const {
  static const std::vector<Advisory> kNone;
  const auto said = this->source(ecosystem, source);
  return said ? said->advisories : kNone;
}

const CveNote* AdvisorySet::note(const std::string& cve) const {
  const auto n = notes_.find(cve);
  return n == notes_.end() ? nullptr : &n->second;
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
