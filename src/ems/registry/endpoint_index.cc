#include "ems/registry/endpoint_index.h"

#include <functional>
#include <vector>

namespace postern::ems {
namespace {

template <class Map, class Key>
void add_to_count(Map& map, const Key& key, int sign) {
  auto& n = map[key];
  n += static_cast<std::size_t>(sign);
  if (n == 0) map.erase(key);
}

template <class Key>
const EndpointUid* found(const std::unordered_map<Key, EndpointUid>& map, const Key& key) {
  const auto it = map.find(key);
  return it == map.end() ? nullptr : &it->second;
}

}  // namespace

std::set<MacAddress> gateway_macs(const std::optional<posture::Fact>& fact) {
  std::set<MacAddress> out;
  if (!fact) return out;
  if (const auto* routes = fact->as<std::vector<posture::Route>>()) {
    for (const auto& route : *routes) {
      if (route.gateway_mac.valid()) out.insert(route.gateway_mac);
    }
  }
  return out;
}

void EndpointIndex::Given::add(const EndpointUid& uid) {
  ++endpoints;
  who += std::hash<EndpointUid>()(uid);
}

void EndpointIndex::Given::remove(const EndpointUid& uid) {
  --endpoints;
  who -= std::hash<EndpointUid>()(uid);
}

void EndpointIndex::change(const Endpoint& e, const std::optional<posture::Fact>& routes, int sign) {
  const auto in = [sign](auto& map, const auto& key, const EndpointUid& uid) {
    if (sign > 0) {
      map[key] = uid;
    } else if (const auto it = map.find(key); it != map.end() && it->second == uid) {
      map.erase(it);
    }
  };
  for (const auto& c : e.certificates) {
    in(by_leaf_, c.sha256, e.uid);
    in(by_key_, c.key_sha256, e.uid);
  }
  for (const auto& mac : gateway_macs(routes)) {
    if (sign > 0) {
      behind_[mac].insert(e.uid);
    } else if (const auto it = behind_.find(mac); it != behind_.end()) {
      it->second.erase(e.uid);
      if (it->second.empty()) behind_.erase(it);
    }
  }
  if (e.inventory) add_to_count(inventory_uses_, *e.inventory, sign);
  for (const auto id : e.classifications) {
    auto& given = given_[id];
    sign > 0 ? given.add(e.uid) : given.remove(e.uid);
    if (given.endpoints == 0) given_.erase(id);
  }
  const auto step = static_cast<std::size_t>(sign);
  if (e.registered()) {
    counts_.registered += step;
    sign > 0 ? registered_.insert(e.slot()) : registered_.erase(e.slot());
    if (e.online) counts_.online += step;
  }
  if (e.quarantined) {
    counts_.quarantined += step;
    if (sign > 0) {
      quarantined_.insert(e.uid);
    } else {
      quarantined_.erase(e.uid);
    }
  }
}

const EndpointUid* EndpointIndex::by_leaf(const Sha256& leaf) const { return found(by_leaf_, leaf); }
const EndpointUid* EndpointIndex::by_key(const Sha256& key) const { return found(by_key_, key); }

const std::set<EndpointUid>& EndpointIndex::behind(const MacAddress& gateway) const {
  static const std::set<EndpointUid> kNobody;
  const auto it = behind_.find(gateway);
  return it == behind_.end() ? kNobody : it->second;
}

std::size_t EndpointIndex::inventory_uses(const Sha256& hash) const {
  const auto it = inventory_uses_.find(hash);
  return it == inventory_uses_.end() ? 0 : it->second;
}

EndpointIndex::Given EndpointIndex::given(posture::TagId id) const {
  const auto it = given_.find(id);
  return it == given_.end() ? Given() : it->second;
}

}  // namespace postern::ems
