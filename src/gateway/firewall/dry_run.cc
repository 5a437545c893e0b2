#include "gateway/firewall/dry_run.h"

#include <utility>

namespace postern::gateway::firewall {

std::string ruleset_of(FirewallModel now, const config::GatewayConfig& config,
                       const std::set<std::string>& default_routes) {
  now.set_policies(compile_policies(config));
  now.set_unchecked(unchecked_interfaces(config, default_routes));
  now.set_piece(static_cast<std::size_t>(-1));  // one text
  return now.take_rebuild().commands;
}

std::string ruleset_of(const config::GatewayConfig& config) { return ruleset_of(FirewallModel(), config, {}); }

}  // namespace postern::gateway::firewall
