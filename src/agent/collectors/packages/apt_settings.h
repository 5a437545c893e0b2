#pragma once
// How apt is configured.
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "agent/collectors/collector.h"
#include "base/result.h"

namespace postern::agent {

/// apt.conf(5): settings by lower-case name ("apt::periodic::unattended-upgrade"); lists and what is not understood are
/// left out. Later settings replace earlier ones; at most kMaxAptSettings. Pure.
using AptSettings = std::map<std::string, std::string, std::less<>>;
inline constexpr std::size_t kMaxAptSettings = 4096;
void parse_apt_conf(std::string_view text, AptSettings& settings);
/// Has it commands ("#clear", "#include"), which parse_apt_conf does not follow? Pure.
bool has_apt_commands(std::string_view text);
/// Does apt take a file of this name in apt.conf.d? Without an ending, or ".conf". Pure.
bool is_apt_conf_name(std::string_view name);

/// As apt-config says of the running system; of an image, and without apt-config, as the files say. Blocks. Errors:
/// kUnsupported (files have commands), those of reading files and of run_program().
Result<AptSettings> read_apt_settings(const Facts& facts);
/// Files and directories whose change may mean other settings.
inline constexpr std::string_view kAptConfFiles[] = {"/etc/apt/apt.conf.d", "/etc/apt/apt.conf"};

/// Where apt keeps its lists, without a slash at the end. Pure.
std::string apt_lists_directory(const AptSettings& settings);

}  // namespace postern::agent
