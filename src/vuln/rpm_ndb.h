#pragma once
// rpm's database of packages in the form "ndb" (Packages.db), which SUSE's distributions use.
#include <string_view>
#include <vector>

#include "base/result.h"
#include "vuln/rpm_header.h"

namespace postern::vuln {

/// The headers in a database: a head, pages of slots that say where each package lies, and the packages in blocks of 16
/// bytes; all numbers little-endian. What lies where another package does is read twice, and no more: time is bounded
/// by slots, memory by what headers give. Pure. Errors: kDataLoss (damaged, cut, or none of rpm's), kInvalidArgument (a
/// header), kResourceExhausted (more packages than an inventory holds).
Result<std::vector<RpmHeader>> read_rpm_ndb(std::string_view bytes);

}  // namespace postern::vuln
