#include "vuln/kev.h"

#include <fmt/format.h>

#include <boost/json.hpp>
#include <string_view>

#include "vuln/record_text.h"

namespace postern::vuln {

Result<KevEntry> read_kev_entry(const boost::json::value& entry) {
  const auto* object = entry.if_object();
  if (object == nullptr) return fail(ErrorCode::kInvalidArgument, "it is no object");
  const auto text = [&](std::string_view name) {
    const auto* value = object->if_contains(name);
    const auto* s = value == nullptr ? nullptr : value->if_string();
    return s == nullptr ? std::string_view() : std::string_view(s->data(), s->size());
  };
  KevEntry out;
  out.cve = text("cveID");
  if (!valid_cve(out.cve)) return fail(ErrorCode::kInvalidArgument, "its \"cveID\" is no CVE number");
  out.added = text("dateAdded");
  if (!valid_date(out.added)) {
    return fail(ErrorCode::kInvalidArgument, fmt::format("{}: its \"dateAdded\" is no date", out.cve));
  }
  out.due = text("dueDate");
  if (!out.due.empty() && !valid_date(out.due)) {
    return fail(ErrorCode::kInvalidArgument, fmt::format("{}: its \"dueDate\" is no date", out.cve));
  }
  out.ransomware = text("knownRansomwareCampaignUse") == "Known";
  return out;
}

}  // namespace postern::vuln
