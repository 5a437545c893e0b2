#include "vuln/debian_tracker.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>

#include "base/versions/debian.h"
#include "vuln/debian_releases.h"
#include "vuln/osv_ranges.h"
#include "vuln/record_text.h"

namespace postern::vuln {
namespace {

namespace json = boost::json;

tl::unexpected<Error> bad_entry(std::string why) { return fail(ErrorCode::kInvalidArgument, std::move(why)); }

/// Empty when absent or null.
Result<std::string_view> text_of(const json::object& object, std::string_view name) {
  const auto* value = object.if_contains(name);
  if (value == nullptr || value->is_null()) return std::string_view();
  const auto* text = value->if_string();
  if (text == nullptr) return bad_entry(fmt::format("\"{}\" is no text", name));
  return std::string_view(text->data(), text->size());
}

std::shared_ptr<const AffectedVersions> all_before(std::string_view fixed) {
  AffectedVersions affected;
  affected.intervals.push_back({"", std::string(fixed), ""});
  return std::make_shared<const AffectedVersions>(std::move(affected));
}

Result<AdvisorySet::Entry> read_release(const json::object& release) {
  AdvisorySet::Entry out;
  out.tracker = true;
  const auto status = text_of(release, "status");
  const auto fixed = text_of(release, "fixed_version");
  const auto urgency = text_of(release, "urgency");
  const auto nodsa = text_of(release, "nodsa");
  for (const auto* field : {&status, &fixed, &urgency, &nodsa}) {
    if (!*field) return fail(field->error());
  }
  auto& advisory = out.advisory;
  advisory.judgement.vendor = severity_of_urgency(*urgency);
  advisory.judgement.no_dsa = !nodsa->empty();
  if (*status == "resolved") {
    if (*fixed == "0") {
      advisory.affected = std::make_shared<const AffectedVersions>();
    } else if (versions::valid_debian(*fixed)) {
      advisory.affected = all_before(*fixed);
    } else {
      return bad_entry(fixed->empty() ? "it is resolved but has no \"fixed_version\""
                                      : "its \"fixed_version\" is no Debian version");
    }
  } else if (*status == "open") {
    advisory.affected = all_before("");
  } else if (*status == "undetermined") {
    advisory.judgement.undetermined = true;
    advisory.affected = all_before("");
  } else {
    return bad_entry("its \"status\" is none of open, resolved, undetermined");
  }
  return out;
}

}  // namespace

Status read_tracker_entry(std::string_view source, std::string_view id, const json::value& entry,
                          std::vector<AdvisorySet::Entry>& out, FeedReport& report) {
  if (!plain_text(source, kMaxPackageName)) return bad_entry("a source's name is empty, too long or not plain text");
  if (!plain_text(id, kMaxRecordId) || !(id.starts_with("CVE-") || id.starts_with("TEMP-"))) {
    return bad_entry("it is neither a CVE nor a TEMP number");
  }
  const auto* object = entry.if_object();
  const auto* list = object == nullptr ? nullptr : object->if_contains("releases");
  const auto* releases = list == nullptr ? nullptr : list->if_object();
  if (releases == nullptr) return bad_entry("it has no object \"releases\"");
  std::vector<AdvisorySet::Entry> rows;
  std::size_t foreign = 0, undetermined = 0, not_affected = 0;
  for (const auto& [key, value] : *releases) {
    const std::string_view codename(key.data(), key.size());
    const auto version = debian_version_of(codename);
    if (version.empty()) {
      ++foreign;
      continue;
    }
    const auto* release = value.if_object();
    if (release == nullptr) return bad_entry(fmt::format("release {} is no object", codename));
    auto row = read_release(*release);
    if (!row) return fail(row.error().context(fmt::format("release {}", codename)));
    row->ecosystem = fmt::format("Debian:{}", version);
    row->source = source;
    row->advisory.cve = id;
    undetermined += row->advisory.judgement.undetermined ? 1 : 0;
    not_affected += row->advisory.affected->intervals.empty() ? 1 : 0;
    rows.push_back(std::move(*row));
  }
  ++report.records;
  report.foreign += foreign;
  report.undetermined += undetermined;
  report.not_affected += not_affected;
  report.advisories += rows.size() - not_affected;
  out.insert(out.end(), std::make_move_iterator(rows.begin()), std::make_move_iterator(rows.end()));
  return {};
}

std::vector<AdvisorySet::Entry> unread_tracker_entry(std::string_view source, std::string_view id, const json::value& entry) {
  const auto* object = entry.if_object();
  const auto* list = object == nullptr ? nullptr : object->if_contains("releases");
  const auto* releases = list == nullptr ? nullptr : list->if_object();
  std::vector<AdvisorySet::Entry> out;
  if (releases == nullptr || !plain_text(source, kMaxPackageName) || !plain_text(id, kMaxRecordId)) return out;
  for (const auto& [key, value] : *releases) {
    const auto version = debian_version_of({key.data(), key.size()});
    if (version.empty()) continue;
    auto& row = out.emplace_back();
    row.ecosystem = fmt::format("Debian:{}", version);
    row.source = source;
    row.advisory.cve = id;
    row.advisory.affected = std::make_shared<const AffectedVersions>();
    row.unread = id;
  }
  return out;
}

}  // namespace postern::vuln
