#pragma once
// Until when makers mend security holes in releases of operating systems: a table, as of kOsSupportAsOf.
#include <optional>
#include <string_view>

#include "base/clock.h"

namespace postern::posture {

/// The day on which the table was last compared with its sources.
inline constexpr std::string_view kOsSupportAsOf = "2026-03-10";

struct OsSupport {
  WallTime ends;       ///< Midnight (UTC) after the last day of support that everybody gets from the maker.
  WallTime long_term;  ///< The same of what a project's long-term team mends for free afterwards; never before `ends`.
};

/// `system` is os-release's ID ("debian", "rocky"), "windows", "windows-server" or "macos"; `version` as the endpoint
/// reports it: "12", "9.4", "10.0.22631". The longest entry of which `version` is a refinement counts. Nullopt: the
/// table has none. Thread: any.
std::optional<OsSupport> os_support(std::string_view system, std::string_view version);

}  // namespace postern::posture
