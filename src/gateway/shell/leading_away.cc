#include "gateway/shell/leading_away.h"

#include <algorithm>
#include <set>
#include <tuple>
#include <utility>

#include "gateway/forward/destinations.h"
#include "policy/forward_target.h"

namespace postern::gateway {
namespace {

using Pools = std::map<std::uint32_t, const NginxPool*>;

Pools by_number(const ProxyPlan& plan) {
  Pools out;
  for (const auto& pool : plan.pools) out[pool.id] = &pool;
  return out;
}

const NginxPool* pool_among(const Pools& pools, std::uint32_t id) {
  const auto it = pools.find(id);
  return it == pools.end() ? nullptr : it->second;
}

bool leads_to_server(const NginxPool* pool, const NginxRealServer& server) {
  return pool != nullptr && std::any_of(pool->servers.begin(), pool->servers.end(), [&](const NginxRealServer& s) {
           return s.address == server.address && s.port == server.port;
         });
}

using Destinations = std::map<std::uint32_t, std::vector<ForwardDestination>>;  // by access proxy

Destinations destinations_of(const ProxyPlan& plan, const Pools& pools) {
  Destinations out;
  for (const auto& proxy : plan.table.proxies) {
    auto& all = out[proxy.id];
    for (const auto& gateway : proxy.api_gateways) {
      const auto* pool = pool_among(pools, gateway.pool);
      if (pool == nullptr || pool->destinations.empty()) continue;
      if (const auto read = parse_destinations(pool->destinations)) all.insert(all.end(), read->begin(), read->end());
    }
  }
  return out;
}

bool leads_to_text(const std::vector<ForwardDestination>& destinations, const std::string& text) {
  const auto target = policy::forward_target_of_text(text);
  return target && leads_to(destinations, target->host, target->port);
}

ecshm::ClearOrder of_proxy(std::uint32_t proxy) {
  ecshm::ClearOrder out;
  out.proxy = proxy;
  return out;
}

}  // namespace

std::vector<ecshm::ClearOrder> led_away(const ProxyPlan& before, const ProxyPlan& now,
                                        const std::map<Sha256, GatewayCore::SessionsByPlace>& sessions) {
  std::vector<ecshm::ClearOrder> out;
  const auto pools_before = by_number(before), pools_now = by_number(now);
  std::map<std::pair<std::uint32_t, std::uint32_t>, std::uint32_t> led_by;
  for (const auto& proxy : now.table.proxies) {
    for (const auto& gateway : proxy.api_gateways) led_by[{proxy.id, gateway.id}] = gateway.pool;
  }
  auto destinations = destinations_of(now, pools_now);
  for (const auto& proxy : before.table.proxies) {
    for (const auto& gateway : proxy.api_gateways) {
      const auto it = led_by.find({proxy.id, gateway.id});
      const auto* pool = pool_among(pools_before, gateway.pool);
      if (it == led_by.end() || it->second == gateway.pool || pool == nullptr) continue;
      for (const auto& server : pool->servers) {
        if (leads_to_server(pool_among(pools_now, it->second), server)) continue;
        auto order = of_proxy(proxy.id);
        order.api_gateway = gateway.id;
        order.server = server.number;
        out.push_back(std::move(order));
      }
    }
  }
  std::set<std::pair<std::uint32_t, std::string>> asked;
  for (const auto& [leaf, places] : sessions) {
    for (const auto& [place, count] : places) {
      if (place.destination.empty() || !asked.emplace(place.proxy, place.destination).second) continue;
      if (leads_to_text(destinations[place.proxy], place.destination)) continue;
      auto order = of_proxy(place.proxy);
      order.destination = place.destination;
      out.push_back(std::move(order));
    }
  }
  return out;
}

std::vector<ecshm::ClearOrder> still_away(std::vector<ecshm::ClearOrder> orders, const ProxyPlan& now) {
  const auto pools = by_number(now);
  const auto destinations = destinations_of(now, pools);
  // A server's number means that server of that pool, whenever it is there; several API gateways may share a pool.
  std::set<std::tuple<std::uint32_t, std::uint32_t, std::uint32_t>> servers;  // access proxy, API gateway, server
  for (const auto& proxy : now.table.proxies) {
    for (const auto& gateway : proxy.api_gateways) {
      const auto* pool = pool_among(pools, gateway.pool);
      if (pool == nullptr) continue;
      for (const auto& server : pool->servers) servers.emplace(proxy.id, gateway.id, server.number);
    }
  }
  std::erase_if(orders, [&](const ecshm::ClearOrder& order) {
    if (order.destination.empty()) return servers.contains({order.proxy, order.api_gateway, order.server});
    const auto it = destinations.find(order.proxy);
    return it != destinations.end() && leads_to_text(it->second, order.destination);
  });
  return orders;
}

}  // namespace postern::gateway
