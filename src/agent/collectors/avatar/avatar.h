#pragma once
// Whether the user's account has a picture, as desktops keep it: AccountsService's, or ~/.face. The user is who logged
// in last of those who are logged in now; with nobody there, who was the last.
#include <string>
#include <string_view>
#include <vector>

#include "agent/collectors/collector.h"

namespace postern::agent {

inline constexpr std::string_view kAvatarFiles[] = {"/run/utmp", "/var/log/wtmp", "/run/systemd/users", "/etc/passwd"};
void collect_avatar(Facts& facts);

/// Where that user's picture may be, and the file that may name another place.
std::vector<std::string> avatar_files(const Facts& facts);

}  // namespace postern::agent
