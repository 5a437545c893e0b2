#pragma once
// Debian's security tracker (https://security-tracker.debian.org/tracker/data/json): for each source package and
// vulnerability, what is known of it in each release. It is where Debian's own advisories and its OSV records come from,
// so where it speaks of a vulnerability in a source, what those say of versions is left out.
#include <boost/json/fwd.hpp>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "vuln/osv.h"

namespace postern::vuln {

/// What is said of one vulnerability in one source: {"releases": {"bookworm": {"status": "resolved", …}}}. Adds a row
/// for each release that has a number: "resolved" is affected up to `fixed_version` ("0": not affected), "open" in every
/// version, "undetermined" in every version as far as is known. Adds to `out` only on success. Errors: kInvalidArgument.
Status read_tracker_entry(std::string_view source, std::string_view id, const boost::json::value& entry,
                          std::vector<AdvisorySet::Entry>& out, FeedReport& report);

/// As unread_osv_record(), of one that read_tracker_entry() could not understand.
std::vector<AdvisorySet::Entry> unread_tracker_entry(std::string_view source, std::string_view id,
                                                     const boost::json::value& entry);

}  // namespace postern::vuln
