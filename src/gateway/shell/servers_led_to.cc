#include "gateway/shell/servers_led_to.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <set>
#include <utility>

#include "base/text.h"

namespace postern::gateway {
namespace {

ecshm::ClearOrder order_for(std::uint32_t proxy, std::uint32_t api_gateway, std::uint32_t number) {
  ecshm::ClearOrder out;
  out.proxy = proxy;
  out.api_gateway = api_gateway;
  out.server = number;
  return out;
}

}  // namespace

std::vector<ecshm::ClearOrder> ServersLedTo::use(const ProxyPlan& plan) {
  std::map<std::uint32_t, const NginxPool*> pools;
  for (const auto& pool : plan.pools) pools[pool.id] = &pool;
  std::map<std::pair<std::uint32_t, std::uint32_t>, const NginxPool*> led_by;  // nullptr: it leads to no server
  for (const auto& proxy : plan.table.proxies) {
    for (const auto& gateway : proxy.api_gateways) {
      const auto pool = pools.find(gateway.pool);
      led_by[{proxy.id, gateway.id}] = pool == pools.end() ? nullptr : pool->second;
    }
  }
  const auto leads_to = [](const NginxPool* pool, const Server& server) {
    return pool != nullptr && std::ranges::any_of(pool->servers, [&](const NginxRealServer& s) {
             return s.address == server.address && s.port == server.port;
           });
  };
  std::set<Key> orders;
  const auto end = [&](const Key& key, Server& server) {
    if (!std::exchange(server.away, true)) orders.insert(key);
  };
  // One that comes back is told by the number that it has then.
  for (auto& [key, server] : known_) {
    const auto gateway = led_by.find({std::get<0>(key), std::get<1>(key)});
    if (gateway == led_by.end()) continue;
    if (!leads_to(gateway->second, server)) end(key, server);
  }
  // What began here may have come with its path to an API gateway that leads there still, or be about to: it is that one's from now on.
  for (const auto& [proxy, gateway, number] : orders) {
    const auto server = known_.at({proxy, gateway, number});
    for (auto other = led_by.lower_bound({proxy, 0}); other != led_by.end() && other->first.first == proxy; ++other) {
      if (leads_to(other->second, server)) known_.try_emplace({proxy, other->first.second, number}, Server{server.address, server.port, false});
    }
  }
  // A path that came to another API gateway with the same servers took along what was open, by the numbers of the first.
  std::map<std::tuple<std::uint32_t, IpAddress, std::uint16_t>, std::set<std::uint32_t>> gateways;
  for (const auto& key : orders) {
    const auto& server = known_.at(key);
    gateways[{std::get<0>(key), server.address, server.port}].insert(std::get<1>(key));
  }
  for (const auto& [key, server] : known_) {
    const auto it = gateways.find({std::get<0>(key), server.address, server.port});
    if (it == gateways.end()) continue;
    for (const auto gateway : it->second) {
      const Key other{std::get<0>(key), gateway, std::get<2>(key)};
      const auto own = known_.find(other);
      if (own == known_.end() || !own->second.away) orders.insert(other);  // else it is among them, or was
    }
  }
  std::set<Key> current;
  for (const auto& [gateway, pool] : led_by) {
    if (pool == nullptr) continue;
    for (const auto& s : pool->servers) {
      const Key key{gateway.first, gateway.second, s.number};
      current.insert(key);
      known_[key] = {s.address, s.port, false};
    }
  }
  if (known_.size() > kMost + current.size()) {
    for (auto& [key, server] : known_) {
      if (!current.contains(key)) end(key, server);
    }
  }
  std::vector<ecshm::ClearOrder> out;
  for (const auto& [proxy, gateway, number] : orders) out.push_back(order_for(proxy, gateway, number));
  return out;
}

void ServersLedTo::ended(const ecshm::ClearOrder& order) {
  const auto it = known_.find({order.proxy, order.api_gateway, order.server});
  if (it != known_.end() && it->second.away) known_.erase(it);
}

std::string ServersLedTo::print() const {
  std::string out;
  for (const auto& [key, server] : known_) {
    out += fmt::format("{} {} {} {} {}\n", std::get<0>(key), std::get<1>(key), std::get<2>(key), server.address.str(), server.port);
  }
  return out;
}

Status ServersLedTo::take(std::string_view text) {
  auto known = known_;
  const auto number = [](std::string_view word, std::uint64_t most) {
    const auto value = parse_u64(word);
    return value && *value <= most ? std::optional(*value) : std::nullopt;
  };
  while (!text.empty()) {
    const auto end = text.find('\n');
    const auto words = split(text.substr(0, end), ' ');
    const auto damaged = [] { return fail(ErrorCode::kDataLoss, "what tells which real servers open sessions go to can't be read"); };
    if (end == text.npos || words.size() != 5) return damaged();
    const auto proxy = number(words[0], UINT32_MAX), gateway = number(words[1], UINT32_MAX), server = number(words[2], UINT32_MAX),
               port = number(words[4], UINT16_MAX);
    const auto address = IpAddress::parse(words[3]);
    if (!proxy || !gateway || !server || !port || !address) return damaged();
    known.try_emplace({static_cast<std::uint32_t>(*proxy), static_cast<std::uint32_t>(*gateway), static_cast<std::uint32_t>(*server)},
                      Server{*address, static_cast<std::uint16_t>(*port), false});
    text.remove_prefix(end + 1);
  }
  known_ = std::move(known);
  return {};
}

}  // namespace postern::gateway
