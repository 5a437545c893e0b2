#include "gateway/shell/leading_away.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <utility>

#include "base/text.h"
#include "gateway/forward/destinations.h"
#include "policy/forward_target.h"

namespace postern::gateway {
namespace {

constexpr std::string_view kForwards = "forwards ";

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

ecshm::ClearOrder of_proxy(std::uint32_t proxy) {
  ecshm::ClearOrder out;
  out.proxy = proxy;
  return out;
}

/// `api_gateway` 0: any of the access proxy's.
bool leads_there(const ForwardedTo& forwarded, std::uint32_t proxy, std::uint32_t api_gateway, const std::string& destination) {
  const auto of_proxy = forwarded.find(proxy);
  const auto target = policy::forward_target_of_text(destination);
  return of_proxy != forwarded.end() && target &&
         std::any_of(of_proxy->second.begin(), of_proxy->second.end(), [&](const auto& one) {
           return (api_gateway == 0 || one.first == api_gateway) && leads_to(one.second, target->host, target->port);
         });
}

ecshm::ClearOrder of_tunnels(const SessionPlace& place) {
  auto out = of_proxy(place.proxy);
  out.destination = place.destination;
  return out;
}

/// Another API gateway leads there now, by policies of its own: what came by one that did before ends.
void end_moved(const ForwardedTo& before, const ForwardedTo& now, const SessionPlace& place, std::vector<ecshm::ClearOrder>& out) {
  const auto gateways = before.find(place.proxy);
  if (gateways == before.end()) return;
  for (const auto& [gateway, to] : gateways->second) {
    if (!leads_there(before, place.proxy, gateway, place.destination) || leads_there(now, place.proxy, gateway, place.destination)) continue;
    out.push_back(of_tunnels(place));
    out.back().api_gateway = gateway;
  }
}

}  // namespace

ForwardedTo forwarded_to(const ProxyPlan& plan) {
  ForwardedTo out;
  const auto pools = by_number(plan);
  for (const auto& proxy : plan.table.proxies) {
    for (const auto& gateway : proxy.api_gateways) {
      const auto* pool = pool_among(pools, gateway.pool);
      if (pool == nullptr || pool->destinations.empty()) continue;
      if (auto read = parse_destinations(pool->destinations)) out[proxy.id][gateway.id] = std::move(*read);
    }
  }
  return out;
}

std::vector<ecshm::ClearOrder> tunnels_led_away(const ProxyPlan& before, const ProxyPlan& now, const OpenSessions& sessions) {
  std::vector<ecshm::ClearOrder> out;
  const auto forwarded = forwarded_to(now), forwarded_before = forwarded_to(before);
  std::set<std::pair<std::uint32_t, std::string>> asked;
  for (const auto& [leaf, places] : sessions) {
    for (const auto& [place, count] : places) {
      if (place.destination.empty() || !asked.emplace(place.proxy, place.destination).second) continue;
      if (!leads_there(forwarded, place.proxy, 0, place.destination)) {
        out.push_back(of_tunnels(place));
      } else {
        end_moved(forwarded_before, forwarded, place, out);
      }
    }
  }
  return out;
}

/// Of an order that was given: does it still hold?
bool LeadingAway::away(const ecshm::ClearOrder& order) const {
  if (!order.destination.empty()) return !leads_there(forwarded_, order.proxy, order.api_gateway, order.destination);
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

LeadingAway::Key LeadingAway::key_of(const ecshm::ClearOrder& order) {
  return {order.proxy, order.api_gateway, order.server, order.destination};
}

void LeadingAway::note(const ecshm::ClearOrder& order) { pending_.insert_or_assign(key_of(order), Pending{order, 0}); }

std::vector<ecshm::ClearOrder> LeadingAway::use(const ProxyPlan& plan, const OpenSessions& sessions) {
  auto orders = servers_.use(plan);
  for (const auto* open : {&sessions, &std::as_const(strangers_)}) {
    for (auto& order : tunnels_led_away(plan_, plan, *open)) orders.push_back(std::move(order));
  }
  plan_ = plan;
  if (auto forwarded = forwarded_to(plan); forwarded != forwarded_) {
    before_.push_back(std::exchange(forwarded_, std::move(forwarded)));
    if (before_.size() > kRemembered) before_.erase(before_.begin());
  }
  std::erase_if(pending_, [&](const auto& p) { return !away(p.second.order); });
  for (const auto& order : orders) note(order);
  return orders;
}

std::vector<ecshm::ClearOrder> LeadingAway::orders_for(const SessionPlace& place) const {
  std::vector<ecshm::ClearOrder> out;
  if (place.destination.empty() || plan_.table.proxies.empty()) return out;
  if (!leads_there(forwarded_, place.proxy, 0, place.destination)) {
    out.push_back(of_tunnels(place));
  } else {
    for (const auto& before : before_) end_moved(before, forwarded_, place, out);
  }
  return out;
}

void LeadingAway::began(const SessionPlace& place) {
  for (const auto& order : orders_for(place)) {
    if (pending_.size() < kMostAsked || pending_.contains(key_of(order))) {
      note(order);
    } else {
      beyond_ = true;
    }
  }
}

void LeadingAway::stranger(const SessionPlace& place, int change) {
  auto& open = strangers_[Sha256{}];
  auto& count = open[place];
  count += change;
  if (count <= 0) open.erase(place);
  if (change > 0) began(place);
}

std::vector<ecshm::ClearOrder> LeadingAway::again(const OpenSessions& sessions, bool waiting) {
  if (std::exchange(beyond_, false)) {
    std::set<std::pair<std::uint32_t, std::string>> asked;
    const auto look = [&](const GatewayCore::SessionsByPlace& places) {
      for (const auto& [place, count] : places) {
        if (place.destination.empty() || !asked.emplace(place.proxy, place.destination).second) continue;
        for (const auto& order : orders_for(place)) pending_.try_emplace(key_of(order), Pending{order, 0});
      }
    };
    for (const auto* open : {&sessions, &std::as_const(strangers_)}) {
      for (const auto& [leaf, places] : *open) look(places);
    }
  }
  std::vector<ecshm::ClearOrder> out;
  for (auto& [key, p] : pending_) {
    out.push_back(p.order);
    if (!waiting && ++p.times >= kAgain && p.order.destination.empty()) servers_.ended(p.order);
  }
  std::erase_if(pending_, [](const auto& p) { return p.second.times >= kAgain; });
  taken_ = std::max(taken_ - 1, 0);
  return out;
}

std::string LeadingAway::print() const {
  auto out = servers_.print();
  std::set<std::string> there;
  // Each in a line of its own: together they may be more than one API gateway can have.
  const auto put = [&](const ForwardedTo& forwarded) {
    for (const auto& [proxy, gateways] : forwarded) {
      for (const auto& [gateway, destinations] : gateways) {
        for (const auto& d : destinations) {
          const auto line = fmt::format("{}{} {} {}\n", kForwards, proxy, gateway, print_destinations({d}));
          if (over() || there.insert(line).second) out += line;
        }
      }
    }
  };
  put(forwarded_);
  // While orders are given, or may have to be, what led there before: the next gateway gives them as well.
  if (!over()) std::for_each(before_.begin(), before_.end(), put);
  return out;
}

Status LeadingAway::take(std::string_view text) {
  std::string servers;
  ForwardedTo forwarded;
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size() - 1);
    auto line = text.substr(0, end + 1);
    text.remove_prefix(end + 1);
    if (!line.starts_with(kForwards)) {
      servers += line;
      continue;
    }
    line = line.substr(kForwards.size(), line.size() - kForwards.size() - 1);
    const auto first = line.find(' '), second = line.find(' ', first + 1);
    const auto proxy = second == line.npos ? std::nullopt : parse_u64(line.substr(0, first));
    const auto gateway = second == line.npos ? std::nullopt : parse_u64(line.substr(first + 1, second - first - 1));
    auto destinations = parse_destinations(second == line.npos ? line : line.substr(second + 1));
    if (!proxy || *proxy > UINT32_MAX || !gateway || *gateway > UINT32_MAX || !destinations)
      return fail(ErrorCode::kDataLoss, "what tells where open tunnels go to can't be read");
    auto& all = forwarded[static_cast<std::uint32_t>(*proxy)][static_cast<std::uint32_t>(*gateway)];
    all.insert(all.end(), destinations->begin(), destinations->end());
  }
  if (auto taken = servers_.take(servers); !taken) return taken;
  forwarded_ = std::move(forwarded);
  taken_ = forwarded_.empty() ? 0 : kAgain;
  return {};
}

}  // namespace postern::gateway
