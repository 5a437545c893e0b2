#pragma once
// Linux's security modules. Pure.
#include <string>
#include <string_view>
#include <vector>

namespace postern::agent {

/// /sys/kernel/security/lsm: "lockdown,capability,apparmor".
std::vector<std::string> parse_lsm(std::string_view text);
/// A list of AppArmor's profiles: is one of them in enforce mode? "/usr/bin/man (enforce)".
bool any_profile_enforced(std::string_view profiles);

}  // namespace postern::agent
