#pragma once
// What the tables of access proxies share.
#include <string>

#include "gateway/config/schema.h"

namespace postern::gateway::config::tables {

/// An access proxy at an address of the table `vips`; name and help are the caller's.
Table access_proxy_on(const std::string& vips);

}  // namespace postern::gateway::config::tables
