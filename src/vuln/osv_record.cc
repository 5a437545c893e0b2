// One OSV record to advisories.
#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <cmath>
#include <memory>

#include "base/sort_unique.h"
#include "base/versions/order.h"
#include "vuln/ecosystem.h"
#include "vuln/osv.h"
#include "vuln/osv_ranges.h"
#include "vuln/record_text.h"

namespace postern::vuln {
namespace {

namespace json = boost::json;

tl::unexpected<Error> bad_record(std::string why) {
  return fail(ErrorCode::kInvalidArgument, std::move(why));
}

std::string_view view(const json::string& s) { return {s.data(), s.size()}; }

/// A member of a wanted type: nullptr when absent or null, an error when of another type.
template <class T>
Result<const T*> member(const json::object& object, std::string_view name) {
  const auto* value = object.if_contains(name);
  if (value == nullptr || value->is_null()) return nullptr;
  const T* typed = nullptr;
  if constexpr (std::is_same_v<T, json::object>) typed = value->if_object();
  if constexpr (std::is_same_v<T, json::array>) typed = value->if_array();
  if constexpr (std::is_same_v<T, json::string>) typed = value->if_string();
  if constexpr (std::is_same_v<T, bool>) typed = value->if_bool();
  if (typed == nullptr) return bad_record(fmt::format("\"{}\" has the wrong JSON type", name));
  return typed;
}

/// "CVE-2024-3094", alone or behind a distribution's prefix ("DEBIAN-CVE-2024-3094"); empty
/// otherwise.
std::string_view cve_in(std::string_view id) {
  const auto at = id.find("CVE-");
  if (at == std::string_view::npos || (at > 0 && id[at - 1] != '-')) return {};
  const auto cve = id.substr(at);
  if (!valid_cve(cve)) return {};
  return cve;
}

Status add_cves(const json::object& record, std::string_view name, std::vector<std::string>& cves) {
  const auto list = member<json::array>(record, name);
  if (!list) return fail(list.error());
  if (*list == nullptr) return {};
  for (const auto& value : **list) {
    const auto* text = value.if_string();
    if (text == nullptr) return bad_record(fmt::format("\"{}\" holds something other than ids", name));
    if (const auto cve = cve_in(view(*text)); !cve.empty()) cves.emplace_back(cve);
  }
  return {};
}

/// The vulnerabilities that a record is about: its own id, else those it names as the same, else
/// itself.
Result<std::vector<std::string>> identities(const json::object& record, std::string_view id) {
  std::vector<std::string> cves;
  if (const auto cve = cve_in(id); !cve.empty()) return std::vector<std::string>{std::string(cve)};
  if (auto s = add_cves(record, "aliases", cves); !s) return fail(s.error());
  if (auto s = add_cves(record, "upstream", cves); !s) return fail(s.error());
  // Debian's own advisories named their CVEs here before "upstream" existed; elsewhere "related"
  // means less.
  if (cves.empty() && (id.starts_with("DSA-") || id.starts_with("DLA-"))) {
    if (auto s = add_cves(record, "related", cves); !s) return fail(s.error());
  }
  sort_unique(cves);
  if (cves.empty()) cves.emplace_back(id);
  return cves;
}

/// What a record or one of its packages says of how bad it is.
struct Said {
  Judgement judgement;
  std::shared_ptr<const std::string> cvss_vector;
  std::size_t cvss4 = 0;  ///< Vectors of CVSS v4, whose scores are not worked out here.
};

/// Takes the highest CVSS v3 vector of a "severity" list. Other types and vectors that are none give no score: better a
/// vulnerability of unknown severity than one left out.
Status add_cvss(const json::object& holder, Said& said) {
  const auto list = member<json::array>(holder, "severity");
  if (!list) return fail(list.error());
  if (*list == nullptr) return {};
  for (const auto& value : **list) {
    const auto* item = value.if_object();
    if (item == nullptr) return bad_record("\"severity\" holds something other than objects");
    const auto type = member<json::string>(*item, "type");
    const auto score = member<json::string>(*item, "score");
    if (!type || !score || *type == nullptr || *score == nullptr) {
      return bad_record("a \"severity\" lacks its type or score");
    }
    if (view(**type) == "CVSS_V4") ++said.cvss4;
    if (view(**type) != "CVSS_V3") continue;
    const auto tenths = cvss3_base_tenths(view(**score));
    if (!tenths || *tenths <= said.judgement.cvss_tenths) continue;
    said.judgement.cvss_tenths = *tenths;
    said.cvss_vector = std::make_shared<const std::string>(view(**score));
  }
  return {};
}

/// Reads what a database or ecosystem adds: urgency, kev, cvss3_base.
Status add_specific(const json::object& holder, std::string_view name, Said& said) {
  const auto object = member<json::object>(holder, name);
  if (!object) return fail(object.error());
  if (*object == nullptr) return {};
  const auto& specific = **object;
  auto& judgement = said.judgement;
  const auto urgency = member<json::string>(specific, "urgency");
  if (!urgency) return fail(urgency.error());
  if (*urgency != nullptr && judgement.vendor == Severity::kUnknown) {
    judgement.vendor = severity_of_urgency(view(**urgency));
  }
  const auto kev = member<bool>(specific, "kev");
  if (!kev) return fail(kev.error());
  if (*kev != nullptr && **kev) judgement.kev = true;
  if (const auto* score = specific.if_contains("cvss3_base");
      score != nullptr && !score->is_null()) {
    boost::system::error_code ec;
    const auto number = score->is_number() ? score->to_number<double>(ec) : -1.0;
    if (ec || !(number >= 0.0 && number <= 10.0))
      return bad_record("\"cvss3_base\" is no number from 0 to 10");
    const auto tenths = static_cast<std::uint8_t>(std::lround(number * 10));
    if (tenths > judgement.cvss_tenths) {
      judgement.cvss_tenths = tenths;
      said.cvss_vector = nullptr;
    }
  }
  return {};
}

Result<Said> said_of_record(const json::object& record) {
  Said said;
  if (auto s = add_cvss(record, said); !s) return fail(s.error());
  if (auto s = add_specific(record, "database_specific", said); !s) return fail(s.error());
  return said;
}

/// What stands at the affected package goes before what stands at the record.
Result<Said> said_of_affected(const json::object& affected, const Said& record) {
  Said own;
  if (auto s = add_cvss(affected, own); !s) return fail(s.error());
  if (auto s = add_specific(affected, "ecosystem_specific", own); !s) return fail(s.error());
  if (auto s = add_specific(affected, "database_specific", own); !s) return fail(s.error());
  auto& judgement = own.judgement;
  if (judgement.vendor == Severity::kUnknown) judgement.vendor = record.judgement.vendor;
  if (!judgement.cvss_tenths) {
    judgement.cvss_tenths = record.judgement.cvss_tenths;
    own.cvss_vector = record.cvss_vector;
  }
  judgement.kev = judgement.kev || record.judgement.kev;
  return own;
}

/// Ranges of a package; `usable` tells whether any was in the order of its versions.
Status add_ranges(const json::array& ranges, AffectedVersions& affected, bool& usable) {
  auto& intervals = affected.intervals;
  constexpr std::string_view kBadEvent =
      "an event is not one of introduced, fixed, last_affected, limit";
  for (const auto& value : ranges) {
    const auto* range = value.if_object();
    if (range == nullptr) return bad_record("\"ranges\" holds something other than objects");
    const auto type = member<json::string>(*range, "type");
    const auto events = member<json::array>(*range, "events");
    if (!type || *type == nullptr) return bad_record("a range lacks its type");
    if (!events || *events == nullptr) return bad_record("a range lacks its events");
    if (view(**type) == "GIT") continue;  // Commits say nothing about a package's versions.
    if (view(**type) != "ECOSYSTEM") return bad_record("a range is neither of type ECOSYSTEM nor GIT");
    usable = true;
    std::vector<RangeEvent> list;
    for (const auto& e : **events) {
      const auto* event = e.if_object();
      if (event == nullptr || event->size() != 1) return bad_record(std::string(kBadEvent));
      const auto* version = event->begin()->value().if_string();
      const auto key = event->begin()->key();
      const auto kind = range_event_kind({key.data(), key.size()});
      if (version == nullptr || !kind) return bad_record(std::string(kBadEvent));
      list.push_back({*kind, view(*version)});
    }
    if (auto s = add_intervals(affected.order, std::move(list), intervals); !s) return s;
    if (intervals.size() > kMaxIntervals) return bad_record("an affected package has too many ranges");
  }
  sort_unique(intervals);
  return {};
}

Status add_versions(const json::array& list, AffectedVersions& affected) {
  // Feeds list every version of the ranges again; only what the ranges leave out is worth keeping.
  // With many ranges that would take long to find out, and keeping all is right too.
  const AffectedVersions of_ranges{affected.intervals, {}, affected.order};
  const bool sift = of_ranges.intervals.size() <= 16;
  for (const auto& value : list) {
    const auto* version = value.if_string();
    if (version == nullptr || !versions::valid(affected.order, view(*version))) {
      return bad_record(fmt::format("\"versions\" holds something that is no {} version",
                                    versions::order_name(affected.order)));
    }
    std::string_view fixed;
    if (sift && affects(of_ranges, view(*version), fixed)) continue;
    affected.versions.emplace_back(view(*version));
  }
  sort_unique(affected.versions);
  return {};
}

Result<std::shared_ptr<const AffectedVersions>> versions_of(const json::object& affected,
                                                            versions::Order order) {
  auto result = std::make_shared<AffectedVersions>();
  result->order = order;
  const auto ranges = member<json::array>(affected, "ranges");
  if (!ranges) return fail(ranges.error());
  const auto versions = member<json::array>(affected, "versions");
  if (!versions) return fail(versions.error());
  bool usable = *versions != nullptr && !(*versions)->empty();
  if (*ranges != nullptr) {
    if (auto s = add_ranges(**ranges, *result, usable); !s) return fail(s.error());
  }
  if (!usable) return bad_record("an affected package has neither versions nor a range of versions");
  if (*versions != nullptr) {
    if (auto s = add_versions(**versions, *result); !s) return fail(s.error());
  }
  return std::shared_ptr<const AffectedVersions>(std::move(result));
}

struct Found {
  std::vector<AdvisorySet::Entry> entries;
  std::size_t foreign = 0;
  std::size_t cvss4 = 0;
  std::string_view modified;
};

Status add_affected(const json::object& affected, const std::vector<std::string>& cves,
                    const Said& record, const FeedLimits& limits, Found& found) {
  const auto package = member<json::object>(affected, "package");
  if (!package) return fail(package.error());
  if (*package == nullptr) {  // Only a repository of source code is named.
    ++found.foreign;
    return {};
  }
  const auto named = member<json::string>(**package, "ecosystem");
  const auto name = member<json::string>(**package, "name");
  if (!named || !name || *named == nullptr || *name == nullptr) {
    return bad_record("a package lacks its ecosystem or name");
  }
  const auto ecosystem = known_ecosystem(view(**named));
  if (!ecosystem) {
    ++found.foreign;
    return {};
  }
  if (!plain_text(view(**name), kMaxPackageName))
    return bad_record("a package's name is empty, too long or not plain text");
  const auto said = said_of_affected(affected, record);
  if (!said) return fail(said.error());
  found.cvss4 += said->cvss4;
  auto versions = versions_of(affected, ecosystem->order);
  if (!versions) return fail(versions.error());
  if (found.entries.size() + cves.size() > limits.rows_per_record) {
    return fail(
        ErrorCode::kResourceExhausted,
        fmt::format("it names more than {} vulnerabilities in packages", limits.rows_per_record));
  }
  for (const auto& cve : cves) {
    AdvisorySet::Entry entry{
        ecosystem->name, std::string(view(**name)), {}, cves.size() == 1, said->cvss_vector};
    entry.advisory.cve = cve;
    entry.advisory.affected = *versions;
    entry.advisory.judgement = said->judgement;
    found.entries.push_back(std::move(entry));
  }
  return {};
}

/// "2024-05-06T07:08:09Z": of when a record was withdrawn only whether it says so at all is asked.
bool begins_as_date(std::string_view text) {
  constexpr std::string_view kForm = "0000-00-00T";
  return text.size() > kForm.size() && std::ranges::equal(kForm, text.substr(0, kForm.size()), [](char form, char c) {
    return form == '0' ? c >= '0' && c <= '9' : c == form;
  });
}

Status read_record(const json::object& record, std::string_view id, const FeedLimits& limits,
                   Found& found, bool& withdrawn) {
  const auto schema = member<json::string>(record, "schema_version");
  if (!schema) return fail(schema.error());
  if (*schema != nullptr && !view(**schema).starts_with("1."))
    return bad_record("its schema_version is not 1.x");
  const auto modified = member<json::string>(record, "modified");
  if (!modified) return fail(modified.error());
  if (*modified != nullptr && plain_text(view(**modified), 40)) found.modified = view(**modified);
  const auto since = member<json::string>(record, "withdrawn");
  if (!since) return fail(since.error());
  withdrawn = *since != nullptr;
  if (withdrawn && !begins_as_date(view(**since))) return bad_record("\"withdrawn\" is no time");
  if (withdrawn) return {};
  const auto affected = member<json::array>(record, "affected");
  if (!affected) return fail(affected.error());
  if (*affected == nullptr) return record.contains("affected") ? Status(bad_record("\"affected\" is null")) : Status();
  const auto cves = identities(record, id);
  if (!cves) return fail(cves.error());
  const auto said = said_of_record(record);
  if (!said) return fail(said.error());
  found.cvss4 += said->cvss4;
  for (const auto& value : **affected) {
    const auto* object = value.if_object();
    if (object == nullptr) return bad_record("\"affected\" holds something other than objects");
    if (auto s = add_affected(*object, *cves, *said, limits, found); !s) return s;
  }
  return {};
}

/// More text could make it a JSON document. The parser of whole ones doesn't say so of a number that ends in its point.
bool begins_a_document(std::string_view text, const json::parse_options& options) {
  json::stream_parser parser({}, options);
  boost::system::error_code ec;
  parser.write_some(text.data(), text.size(), ec);
  return !ec && !parser.done();
}

}  // namespace

std::vector<AdvisorySet::Entry> unread_osv_record(std::string_view text, const FeedLimits& limits) {
  json::parse_options options;
  options.max_depth = limits.json_depth;
  boost::system::error_code ec;
  const auto value = json::parse({text.data(), text.size()}, ec, {}, options);
  const auto* record = ec ? nullptr : value.if_object();
  if (record == nullptr) return {};
  const auto id = member<json::string>(*record, "id");
  const auto affected = member<json::array>(*record, "affected");
  if (!id || *id == nullptr || !affected || *affected == nullptr) return {};
  const auto cves = identities(*record, view(**id));
  std::vector<AdvisorySet::Entry> out;
  for (const auto& one : **affected) {
    const auto* object = one.if_object();
    const auto package = object == nullptr ? Result<const json::object*>(nullptr) : member<json::object>(*object, "package");
    if (!package || *package == nullptr) continue;
    const auto named = member<json::string>(**package, "ecosystem");
    const auto name = member<json::string>(**package, "name");
    if (!named || !name || *named == nullptr || *name == nullptr || !plain_text(view(**name), kMaxPackageName)) continue;
    const auto ecosystem = known_ecosystem(view(**named));
    if (!ecosystem) continue;
    for (const auto& cve : cves ? *cves : std::vector<std::string>{std::string(view(**id))}) {
      if (out.size() == limits.rows_per_record) return out;
      auto& entry = out.emplace_back();
      entry.ecosystem = ecosystem->name;
      entry.source = view(**name);
      entry.advisory.cve = cve;
      entry.advisory.affected = std::make_shared<const AffectedVersions>();
      entry.unread = view(**id);
    }
  }
  return out;
}

Status parse_osv_record(std::string_view text, const FeedLimits& limits,
                        std::vector<AdvisorySet::Entry>& out, FeedReport& report) {
  if (text.size() > limits.record_bytes) {
    return fail(
        ErrorCode::kResourceExhausted,
        fmt::format("the record is larger than the limit of {} bytes", limits.record_bytes));
  }
  unsigned char buffer[16384];
  json::monotonic_resource memory(buffer);
  json::parse_options options;
  options.max_depth = limits.json_depth;
  boost::system::error_code ec;
  const auto value = json::parse({text.data(), text.size()}, ec, &memory, options);
  if (ec == json::error::too_deep)
    return bad_record(fmt::format("JSON nested deeper than {} levels", limits.json_depth));
  if (ec && begins_a_document(text, options)) return fail(ErrorCode::kDataLoss, std::string(kEndsTooEarly));
  if (ec) return fail(ErrorCode::kDataLoss, "not a JSON document: " + ec.message());
  const auto* record = value.if_object();
  if (record == nullptr) return bad_record("the record is not a JSON object");
  const auto id = member<json::string>(*record, "id");
  if (!id || *id == nullptr || !plain_text(view(**id), kMaxRecordId)) {
    return bad_record(fmt::format("the record has no \"id\" of 1 to {} plain characters", kMaxRecordId));
  }
  Found found;
  bool withdrawn = false;
  if (auto s = read_record(*record, view(**id), limits, found, withdrawn); !s) {
    return fail(s.error().context(fmt::format("record {}", view(**id))));
  }
  ++report.records;
  report.withdrawn += withdrawn ? 1 : 0;
  report.foreign += found.foreign;
  report.cvss4 += found.cvss4;
  // All are written in UTC in one form, so that the latest is the greatest.
  if (found.modified > report.data_date) report.data_date = found.modified;
  report.advisories += found.entries.size();
  out.insert(out.end(), std::make_move_iterator(found.entries.begin()),
             std::make_move_iterator(found.entries.end()));
  return {};
}

}  // namespace postern::vuln
