#pragma once
// Who is and was logged in.
#include <string_view>

#include "agent/collectors/collector.h"

namespace postern::agent {

inline constexpr std::string_view kUserFiles[] = {"/run/utmp", "/var/log/wtmp", "/run/systemd/users"};
void collect_users(Facts& facts);

/// Who logged in last of those who are logged in now, else who logged in last of all; empty: nobody ever did. Errors:
/// those of reading the records.
Result<std::string> present_user(const Facts& facts);

}  // namespace postern::agent
