#include "gateway/shell/leading_away.h"

#include <algorithm>
#include <set>
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

ecshm::ClearOrder of_proxy(std::uint32_t proxy) {
  ecshm::ClearOrder out;
  out.proxy = proxy;
  return out;
}

bool leads_there(const ForwardedTo& forwarded, std::uint32_t proxy, const std::string& destination) {
  const auto of_proxy = forwarded.find(proxy);
  const auto target = policy::forward_target_of_text(destination);
  return of_proxy != forwarded.end() && target && leads_to(of_proxy->second, target->host, target->port);
}

ecshm::ClearOrder of_tunnels(const SessionPlace& place) {
  auto out = of_proxy(place.proxy);
  out.destination = place.destination;
  return out;
}

bool same_order(const ecshm::ClearOrder& a, const ecshm::ClearOrder& b) {
  return a.proxy == b.proxy && a.api_gateway == b.api_gateway && a.server == b.server && a.destination == b.destination;
}

}  // namespace

ForwardedTo forwarded_to(const ProxyPlan& plan) {
  ForwardedTo out;
  const auto pools = by_number(plan);
  for (const auto& proxy : plan.table.proxies) {
    for (const auto& gateway : proxy.api_gateways) {
      const auto* pool = pool_among(pools, gateway.pool);
      if (pool == nullptr || pool->destinations.empty()) continue;
      auto& all = out[proxy.id];
      if (const auto read = parse_destinations(pool->destinations)) all.insert(all.end(), read->begin(), read->end());
    }
  }
  return out;
}

std::vector<ecshm::ClearOrder> led_away(const ProxyPlan& before, const ProxyPlan& now, const OpenSessions& sessions) {
  std::vector<ecshm::ClearOrder> out;
  const auto pools_before = by_number(before), pools_now = by_number(now);
  std::map<std::pair<std::uint32_t, std::uint32_t>, std::uint32_t> led_by;
  for (const auto& proxy : now.table.proxies) {
    for (const auto& gateway : proxy.api_gateways) led_by[{proxy.id, gateway.id}] = gateway.pool;
  }
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
  const auto forwarded = forwarded_to(now);
  std::set<std::pair<std::uint32_t, std::string>> asked;
  for (const auto& [leaf, places] : sessions) {
    for (const auto& [place, count] : places) {
      if (place.destination.empty() || !asked.emplace(place.proxy, place.destination).second) continue;
      if (!leads_there(forwarded, place.proxy, place.destination)) out.push_back(of_tunnels(place));
    }
  }
  return out;
}

/// Of an order that was given: does it still hold?
bool LeadingAway::away(const ecshm::ClearOrder& order) const {
  if (!order.destination.empty()) return !leads_there(forwarded_, order.proxy, order.destination);
  for (const auto& proxy : plan_.table.proxies) {
    if (proxy.id != order.proxy) continue;
    for (const auto& gateway : proxy.api_gateways) {
      if (gateway.id != order.api_gateway) continue;
      for (const auto& pool : plan_.pools) {
        if (pool.id != gateway.pool) continue;
        for (const auto& server : pool.servers) {
          if (server.number == order.server) return false;
        }
      }
    }
  }
  return true;
}

void LeadingAway::note(const ecshm::ClearOrder& order) {
  const auto it = std::find_if(pending_.begin(), pending_.end(), [&](const Pending& p) { return same_order(p.order, order); });
  if (it != pending_.end()) {
    it->times = 0;
  } else {
    pending_.push_back({order, 0});
  }
}

std::vector<ecshm::ClearOrder> LeadingAway::use(const ProxyPlan& plan, const OpenSessions& sessions) {
  auto orders = led_away(plan_, plan, sessions);
  plan_ = plan;
  forwarded_ = forwarded_to(plan);
  std::erase_if(pending_, [&](const Pending& p) { return !away(p.order); });
  for (const auto& order : orders) note(order);
  return orders;
}

void LeadingAway::began(const SessionPlace& place) {
  if (place.destination.empty() || plan_.table.proxies.empty() || leads_there(forwarded_, place.proxy, place.destination)) return;
  if (pending_.size() < kMostAsked) note(of_tunnels(place));
}

std::vector<ecshm::ClearOrder> LeadingAway::again() {
  std::vector<ecshm::ClearOrder> out;
  for (auto& p : pending_) {
    out.push_back(p.order);
    ++p.times;
  }
  std::erase_if(pending_, [](const Pending& p) { return p.times >= kAgain; });
  return out;
}

}  // namespace postern::gateway
