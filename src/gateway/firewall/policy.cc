#include "gateway/firewall/policy.h"

#include <algorithm>
#include <set>
#include <string_view>
#include <unordered_map>

namespace postern::gateway::firewall {
namespace {

using AddressIndex = std::unordered_map<std::string_view, const config::AddressConfig*>;

/// Empty when one of the names means every address.
std::vector<AddressRange> ranges(const AddressIndex& addresses, const std::vector<std::string>& names) {
  std::vector<AddressRange> out;
  for (const auto& name : names) {
    const auto found = addresses.find(name);
    if (found == addresses.end()) continue;  // a validated configuration has them all
    const auto* address = found->second;
    if (address->all) return {};
    for (const auto& range : address->ranges) out.push_back({range.first, range.last});
  }
  return out;
}

std::vector<std::string> interfaces_named(const std::vector<std::string>& names) {
  if (std::find(names.begin(), names.end(), "any") != names.end()) return {};
  return names;
}

std::vector<Service> services_named(const config::GatewayConfig& config, const std::vector<std::string>& names) {
  std::vector<Service> out;
  std::vector<std::string> single;
  for (const auto& name : names) {
    const auto* group = config::find_named(config.service_groups, name);
    if (group) {
      single.insert(single.end(), group->services.begin(), group->services.end());
    } else {
      single.push_back(name);
    }
  }
  for (const auto& name : single) {
    const auto* service = config::find_named(config.services, name);
    if (!service) continue;
    if (service->protocol == config::ServiceConfig::Protocol::kAny) return {};
    Service s;
    s.protocol = service->protocol;
    for (const auto& p : service->tcp) s.tcp.push_back({p.first, p.last});
    for (const auto& p : service->udp) s.udp.push_back({p.first, p.last});
    s.icmp_type = service->icmp_type;
    out.push_back(std::move(s));
  }
  return out;
}

}  // namespace

std::vector<Policy> compile_policies(const config::GatewayConfig& config) {
  std::vector<Policy> out;
  AddressIndex addresses;
  for (const auto& address : config.addresses) addresses.emplace(address.name, &address);
  for (const auto& p : config.firewall_policies) {
    if (!p.enabled) continue;
    Policy policy;
    policy.id = p.id;
    policy.from = interfaces_named(p.from);
    policy.to = interfaces_named(p.to);
    policy.sources = ranges(addresses, p.sources);
    policy.destinations = ranges(addresses, p.destinations);
    policy.services = services_named(config, p.services);
    policy.condition = p.condition;
    policy.action = p.action;
    out.push_back(std::move(policy));
  }
  return out;
}

std::set<std::string> unchecked_interfaces(const config::GatewayConfig& config,
                                           const std::set<std::string>& default_routes) {
  std::set<std::string> out;
  if (!config.strict_source_check) out = default_routes;
  for (const auto& interface : config.interfaces) {
    if (!interface.source_check) out.insert(interface.name);
  }
  return out;
}

std::vector<std::string> used_tags(const config::GatewayConfig& config) {
  std::set<std::string> names;
  const auto add = [&](const auto& policies) {
    for (const auto& p : policies) {
      if (!p.enabled) continue;
      for (auto& tag : p.condition.all_tags()) names.insert(std::move(tag));
    }
  };
  add(config.firewall_policies);
  add(config.proxy_policies);
  return {names.begin(), names.end()};
}

}  // namespace postern::gateway::firewall
