#pragma once
// What a configuration would make of the firewall, without touching it.
#include <string>

#include "gateway/config/model.h"
#include "gateway/firewall/model.h"

namespace postern::gateway::firewall {

/// Commands that lead to it from whatever is there, as `nft -c -f` takes them. The lease is not in them: loaded by hand, they
/// let through what no tag is needed for. `now`: the addresses and tags that are known, under other policies. Pure.
std::string ruleset_of(FirewallModel now, const config::GatewayConfig& config, const std::set<std::string>& default_routes);

/// The same where no gateway runs, and nobody knows an endpoint.
std::string ruleset_of(const config::GatewayConfig& config);

}  // namespace postern::gateway::firewall
