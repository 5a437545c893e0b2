#include "gateway/shell/policy_parts.h"

#include <algorithm>

#include "gateway/firewall/policy.h"

namespace postern::gateway {

UserRules user_rules(const config::GatewayConfig& config) {
  UserRules out;
  for (const auto& policy : config.proxy_policies) {
    if (!policy.enabled) continue;
    for (const auto& user : policy.users) out[user_bit(user)] = {user};
    for (const auto& name : policy.groups) {
      const auto* group = config::find_named(config.user_groups, name);
      out[group_bit(name)] = group != nullptr ? group->members : std::vector<std::string>();
    }
  }
  return out;
}

std::set<std::string> used_bits(const config::GatewayConfig& config) {
  const auto tags = firewall::used_tags(config);
  std::set<std::string> out(tags.begin(), tags.end());
  for (const auto& [name, users] : user_rules(config)) out.insert(name);
  return out;
}

TagBits asked_bits(const policy::PolicyTable& table) {
  TagBits out;
  for (const auto& policy : table.policies) {
    for (const auto* bits : {&policy.tags, &policy.secondary, &policy.users}) {
      for (const auto bit : *bits) {
        if (bit < out.size()) out[bit] = true;
      }
    }
  }
  return out;
}

std::vector<std::string> user_bits(const config::ProxyPolicyConfig& policy) {
  std::vector<std::string> out;
  for (const auto& user : policy.users) out.push_back(user_bit(user));
  for (const auto& group : policy.groups) out.push_back(group_bit(group));
  return out;
}

std::optional<std::vector<IpRange>> destination_ranges(const config::GatewayConfig& config,
                                                       const std::vector<std::string>& names) {
  if (names.empty()) return std::nullopt;
  std::vector<IpRange> out;
  for (const auto& name : names) {
    const auto* address = config::find_named(config.addresses, name);
    if (address == nullptr) continue;
    if (address->all) return std::nullopt;
    out.insert(out.end(), address->ranges.begin(), address->ranges.end());
  }
  return out;
}

bool leads_within(const std::vector<IpRange>& ranges, const std::vector<std::optional<IpRange>>& places, bool accepts) {
  const auto whole = [&](const std::optional<IpRange>& place) {
    return place && std::any_of(ranges.begin(), ranges.end(), [&](const IpRange& range) {
             return range.contains(place->first) && range.contains(place->last);
           });
  };
  const auto partly = [&](const std::optional<IpRange>& place) {
    return std::any_of(ranges.begin(), ranges.end(), [&](const IpRange& range) {
      return !place || range.contains(place->first) || place->contains(range.first);
    });
  };
  if (places.empty()) return false;
  return accepts ? std::all_of(places.begin(), places.end(), whole) : std::any_of(places.begin(), places.end(), partly);
}

}  // namespace postern::gateway
