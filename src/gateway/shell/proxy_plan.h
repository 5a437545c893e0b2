#pragma once
// From the configuration to what nginx and the decision path need: the policy table, listeners and pools. Pure.
#include <map>
#include <string>
#include <vector>

#include "gateway/config/model.h"
#include "gateway/core/tag_table.h"
#include "gateway/ztna/nginx_config.h"
#include "policy/table.h"

namespace postern::gateway {

struct ProxyPlan {
  policy::PolicyTable table;
  std::vector<NginxListener> listeners;  ///< Without paths of certificates: the caller installs those.
  std::vector<std::string> listener_certificates;  ///< Configured name, per listener.
  std::vector<NginxPool> pools;
  std::map<std::uint32_t, std::string> proxy_names;
  std::map<std::uint32_t, std::string> policy_names;
};

/// The policies and nginx's configuration come into force one after the other, and an nginx may keep an old one for
/// long (it refuses the new one; sessions are open). So numbers mean the same always: an access proxy's its table and
/// name, a pool's its servers. What is not there under its number any more is refused.
ProxyPlan plan_proxies(const config::GatewayConfig& config, const TagTable& tags);

/// Whether a configuration can be put into force whole. Errors: kInvalidArgument (more access proxies, policies or tags
/// than there is room for).
Status check_plan(const config::GatewayConfig& config, const TagTable& tags);

}  // namespace postern::gateway
