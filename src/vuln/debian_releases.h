#pragma once
// Debian's releases by codename and number.
#include <string_view>

namespace postern::vuln {

/// "bookworm" -> "12". Empty for what has no number: sid, experimental, and releases not known here.
std::string_view debian_version_of(std::string_view codename);
/// "12" -> "bookworm". Empty when not known here.
std::string_view debian_codename_of(std::string_view version);

}  // namespace postern::vuln
