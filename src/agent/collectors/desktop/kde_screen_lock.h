#pragma once
// When screens lock, of KDE by its configuration. Pure.
#include <cstdint>
#include <optional>
#include <string_view>

namespace postern::agent {

/// As far as it is set, of whatever desktop.
struct ScreenLockSettings {
  std::optional<bool> enabled;
  std::optional<std::int64_t> idle_seconds;   ///< Until the session counts as idle; 0: never.
  std::optional<std::int64_t> delay_seconds;  ///< From then until it locks.
};

/// kscreenlockerrc: [Daemon] Autolock, Timeout (minutes), LockGrace (seconds), those that are marked immutable ([$i])
/// by the file, their group, or each on its own.
ScreenLockSettings parse_kscreenlockerrc(std::string_view text);

}  // namespace postern::agent
