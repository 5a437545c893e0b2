#pragma once
#include <sys/types.h>

#include <string>

namespace postern::gateway::cli {

/// Name of the user at the other end of a socket, as the machine knows it; "uid 1001" when it does not. May ask a name
/// service: once per session.
std::string user_name(uid_t uid);

}  // namespace postern::gateway::cli
