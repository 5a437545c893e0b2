#pragma once
// What package managers write of updates. Pure.
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace postern::agent {

/// "2026-11-24  14:02:03" (one space or two), this machine's local time, as Unix ms.
std::optional<std::int64_t> parse_local_time(std::string_view text);

/// The newest line of dpkg's log that upgrades a package ("2026-… upgrade NAME:ARCH OLD NEW"); nothing:
/// there is none.
std::optional<std::int64_t> last_dpkg_upgrade(std::string_view log);
/// The newest entry of apt's history with upgrades, by its End-Date; nothing: there is none.
std::optional<std::int64_t> last_apt_upgrade(std::string_view history);

/// apt.conf(5): settings by lower-case name ("apt::periodic::unattended-upgrade"); lists and what is not understood are
/// left out. Later settings replace earlier ones; at most kMaxAptSettings.
using AptSettings = std::map<std::string, std::string, std::less<>>;
inline constexpr std::size_t kMaxAptSettings = 4096;
void parse_apt_conf(std::string_view text, AptSettings& settings);
/// Does apt take a file of this name in apt.conf.d? Without an ending, or ".conf".
bool is_apt_conf_name(std::string_view name);

}  // namespace postern::agent
