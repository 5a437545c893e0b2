#pragma once
// When packages were last replaced by newer ones, by the logs of package managers. Pure.
#include <cstdint>
#include <optional>
#include <string_view>

namespace postern::agent {

/// "2026-11-24  14:02:03" (one space or two), this machine's local time, as Unix ms.
std::optional<std::int64_t> parse_local_time(std::string_view text);
/// "2026-11-24T14:02:03+0100", as Unix ms.
std::optional<std::int64_t> parse_zoned_time(std::string_view text);

/// The newest line of dpkg's log that upgrades a package ("2026-… upgrade NAME:ARCH OLD NEW"); nothing:
/// there is none.
std::optional<std::int64_t> last_dpkg_upgrade(std::string_view log);
/// The newest entry of apt's history with upgrades, by its End-Date; nothing: there is none.
std::optional<std::int64_t> last_apt_upgrade(std::string_view history);
/// The newest line of dnf's log of rpm that upgrades a package ("2026-… SUBDEBUG Upgrade: NAME-…"); nothing: there is
/// none.
std::optional<std::int64_t> last_dnf_upgrade(std::string_view log);
/// The newest line of zypp's history that says that a patch is applied; nothing: there is none. Of packages it says
/// "install" whether or not they were there before.
std::optional<std::int64_t> last_zypp_patch(std::string_view history);

}  // namespace postern::agent
