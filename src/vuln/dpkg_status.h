#pragma once
// dpkg's database of packages (/var/lib/dpkg/status) as an inventory.
#include <cstddef>
#include <string_view>

#include "base/result.h"
#include "vuln/inventory.h"

namespace postern::vuln {

inline constexpr std::size_t kMaxDpkgStatusBytes = 256u << 20;

/// The packages whose files are on the disk: status installed, triggers-awaited, triggers-pending,
/// half-configured or unpacked, whatever is wanted of them (held, to be removed). Packages removed
/// with their configuration kept do not count. Source and its version come from "Source: name
/// (version)", each defaulting to the package's own. Pure; packages are returned sorted. Errors:
/// kInvalidArgument (names the line and package), kResourceExhausted.
Result<Inventory> parse_dpkg_status(std::string_view text, Distro distro);

}  // namespace postern::vuln
