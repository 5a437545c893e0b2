#pragma once
// apk's database of packages (/lib/apk/db/installed) as an inventory.
#include <cstddef>
#include <string_view>

#include "base/result.h"
#include "vuln/inventory.h"

namespace postern::vuln {

inline constexpr std::size_t kMaxApkInstalledBytes = 256u << 20;

/// Entries of lines "X:value", empty lines between them: P name, V version, A architecture, o origin (the source; the
/// package itself where there is none, as of the virtual packages that `apk add --virtual` makes). Origin and package
/// are built as one version. Pure; packages are returned sorted. Errors: kInvalidArgument (names the line and package),
/// kResourceExhausted.
Result<Inventory> parse_apk_installed(std::string_view text, Distro distro);

}  // namespace postern::vuln
