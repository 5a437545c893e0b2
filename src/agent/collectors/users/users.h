#pragma once
// Who is and was logged in.
#include <string_view>

#include "agent/collectors/collector.h"

namespace postern::agent {

inline constexpr std::string_view kUserFiles[] = {"/run/utmp", "/var/log/wtmp"};
void collect_users(Facts& facts);

}  // namespace postern::agent
