#pragma once
// When screens lock. Pure.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace postern::agent {

struct ScreenLockSettings {
  std::optional<bool> enabled;
  std::optional<std::int64_t> idle_seconds;   ///< Until the session counts as idle; 0: never.
  std::optional<std::int64_t> delay_seconds;  ///< From then until it locks.
};

/// A keyfile of dconf's databases: [org/gnome/desktop/screensaver] lock-enabled, lock-delay and [org/gnome/desktop/session]
/// idle-delay, and their like of Cinnamon and MATE. Later ones replace earlier ones.
void parse_dconf_keyfile(std::string_view text, ScreenLockSettings& settings);
/// KDE's kscreenlockerrc: [Daemon] Autolock, Timeout (minutes), LockGrace (seconds).
void parse_kscreenlockerrc(std::string_view text, ScreenLockSettings& settings);

}  // namespace postern::agent
