#pragma once
// What of a proxy policy is worked out before nginx sees it: users and groups as bits, real servers as API gateways. Pure.
#include <set>
#include <string>
#include <vector>

#include "gateway/config/model.h"
#include "gateway/core/endpoint_users.h"
#include "gateway/core/tag_table.h"
#include "policy/table.h"

namespace postern::gateway {

/// Of the enabled proxy policies. A group counts as its members.
UserRules user_rules(const config::GatewayConfig& config);

/// Names of everything that has a bit: the tags of the enabled policies, and users and groups.
std::set<std::string> used_bits(const config::GatewayConfig& config);

/// The bits that these policies ask for.
TagBits asked_bits(const policy::PolicyTable& table);

/// Names of the bits one of which a policy asks for; empty: it asks for nobody.
std::vector<std::string> user_bits(const config::ProxyPolicyConfig& policy);

/// `all` counts as nullopt.
std::optional<std::vector<IpRange>> destination_ranges(const config::GatewayConfig& config,
                                                       const std::vector<std::string>& names);
/// Does a policy hold for what these places, any of which may be chosen, get? One that accepts where all are within the
/// ranges, one that refuses where any may be in one; without places neither. nullopt: a host known by its name alone, which
/// may be anywhere.
bool leads_within(const std::vector<IpRange>& ranges, const std::vector<std::optional<IpRange>>& places, bool accepts);

}  // namespace postern::gateway
