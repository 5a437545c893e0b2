#pragma once
// From where an account may be used.
#include "base/ip.h"
#include "gateway/config/schema.h"

namespace postern::gateway::api {

/// `account`: an entry of system admin or of system api-user. With no trusted host set: from everywhere; with one, of
/// either family, only from those that are set, so that closing IPv4 never leaves IPv6 open.
bool trusted(const config::ObjectView& account, const IpAddress& address);

}  // namespace postern::gateway::api
