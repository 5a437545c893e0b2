#pragma once
// How apt is configured. Pure.
#include <map>
#include <string>
#include <string_view>

namespace postern::agent {

/// apt.conf(5): settings by lower-case name ("apt::periodic::unattended-upgrade"); lists and what is not understood are
/// left out. Later settings replace earlier ones; at most kMaxAptSettings.
using AptSettings = std::map<std::string, std::string, std::less<>>;
inline constexpr std::size_t kMaxAptSettings = 4096;
void parse_apt_conf(std::string_view text, AptSettings& settings);
/// Has it commands ("#clear", "#include"), which parse_apt_conf does not follow?
bool has_apt_commands(std::string_view text);
/// Does apt take a file of this name in apt.conf.d? Without an ending, or ".conf".
bool is_apt_conf_name(std::string_view name);

}  // namespace postern::agent
