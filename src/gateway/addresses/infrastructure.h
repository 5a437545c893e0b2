#pragma once
// What the gateway itself depends on in the network, as far as the configuration tells.
#include <set>

#include "base/ip.h"
#include "gateway/config/model.h"

namespace postern::gateway {

/// The addresses of the EMSs and of the syslog server (where an address is configured, not a name) and of the access
/// proxies' real servers. No endpoint may take them, docs/adr/0006.
std::set<IpAddress> configured_infrastructure(const config::GatewayConfig& config);

}  // namespace postern::gateway
