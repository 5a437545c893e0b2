#include "agent/collectors/network/gateway_memory.h"

namespace postern::agent {

NetworkTable::GatewayMacs GatewayMemory::keep(const NetworkTable& table, const std::set<int>& fallen, MonoTime now) {
  NetworkTable::GatewayMacs kept;
  std::map<std::pair<int, IpAddress>, Known> known;
  for (const auto& gateway : table.gateways()) {
    const std::pair key(gateway.link, gateway.ip);
    if (gateway.mac.valid()) {
      known[key] = {gateway.mac, gateway.falls, {}};
      continue;
    }
    const auto before = known_.find(key);
    if (before == known_.end() || fallen.contains(gateway.link) || before->second.falls != gateway.falls) continue;
    auto one = before->second;
    if (!one.until) one.until = now + kGatewayGrace;
    if (*one.until <= now) continue;
    kept.emplace(key, one.mac);
    known.emplace(key, one);
  }
  known_ = std::move(known);
  return kept;
}

std::optional<MonoTime> GatewayMemory::until() const {
  std::optional<MonoTime> first;
  for (const auto& [key, known] : known_) {
    if (known.until && (!first || *known.until < *first)) first = known.until;
  }
  return first;
}

}  // namespace postern::agent
