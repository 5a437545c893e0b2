#include "gateway/addresses/resolver.h"

#include <algorithm>
#include <utility>

namespace postern::gateway {
namespace {

bool one_of(const std::vector<MacAddress>& macs, const MacAddress& mac) {
  return std::find(macs.begin(), macs.end(), mac) != macs.end();
}

}  // namespace

const LocalInterface* Resolver::interface_of(const posture::Route& route) const {
  if (!route.gateway_mac.valid()) return nullptr;
  // A bridge shares its hardware address with one of its ports, as a VLAN does with its device: it is the one that has the
  // endpoint's network, or any.
  const LocalInterface* best = nullptr;
  int best_rank = -1;
  for (const auto& local : interfaces_) {
    if (local.mac != route.gateway_mac) continue;
    const int rank = local.on_network(route.local_ip) ? 2 : local.addresses.empty() ? 0 : 1;
    if (rank > best_rank) {
      best = &local;
      best_rank = rank;
    }
  }
  return best;
}

const LocalInterface* Resolver::gateway_interface(const Record& record) const {
  for (const auto& route : record.routes) {
    if (route.vpn) continue;
    if (const auto* local = interface_of(route)) return local;
  }
  return nullptr;
}

/// The same machine by its hardware address. One that names another's card and address to have it shut out is told by
/// where its telemetry comes from.
bool Resolver::in_quarantine(const IpAddress& ip, const Claim& claim) const {
  const auto at = barred_.find(ip);
  if (at == barred_.end()) return false;
  return std::any_of(at->second.begin(), at->second.end(), [&](const RecordKey& key) {
    const auto& record = records_.at(key).record;
    if (claim.telemetry_source && record.public_ip != ip) return false;
    const auto macs = record.hardware_addresses();
    return std::any_of(macs.begin(), macs.end(), [&](const MacAddress& m) { return one_of(claim.macs, m); });
  });
}

ResolveReason Resolver::judge_claim(const IpAddress& ip, const Claim& claim, MacAddress& mac) const {
  if (stale_.contains(claim.owner.connector)) return ResolveReason::kConnectorStale;
  if (in_quarantine(ip, claim)) return ResolveReason::kQuarantined;
  if (claim.interface.empty()) {
    return claim.telemetry_source ? ResolveReason::kResolved : ResolveReason::kNotTelemetrySource;
  }
  const auto it = neighbours_.find({claim.interface, ip});
  if (it == neighbours_.end() || it->second.state == Neighbour::State::kAsking) return ResolveReason::kNeighbourUnknown;
  if (it->second.state == Neighbour::State::kAbsent) return ResolveReason::kNeighbourAbsent;
  if (!one_of(claim.macs, it->second.mac)) return ResolveReason::kNeighbourDiffers;
  // Our own entry says what the network said of its owner, and nothing of anybody else.
  const auto pin = pins_.find(ip);
  if (pin != pins_.end() && pin->second.key == it->first && pin->second.owner != claim.owner) {
    return ResolveReason::kContested;
  }
  mac = it->second.mac;
  return ResolveReason::kResolved;
}

void Resolver::judge(const IpAddress& ip) {
  decide(ip);
  if (repin(ip)) decide(ip);  // what the pin said is forgotten: whoever claims it now has to be asked about
  note_unanswered(ip);
}

void Resolver::note_unanswered(const IpAddress& ip) {
  for (const auto& local : interfaces_) unanswered_.erase({local.name, ip});
  const auto claims = claims_.find(ip);
  if (claims == claims_.end()) return;
  for (const auto& claim : claims->second) {
    const NeighbourKey key{claim.interface, ip};
    if (!has_interface(key.interface)) continue;  // it is gone, and the record's turn has not come
    const auto answer = neighbours_.find(key);
    // An entry that is permanent, by an administrator or by us, stands by itself.
    if (answer == neighbours_.end() || answer->second.lasting || pinned(key)) continue;
    MacAddress mac;
    const auto reason = judge_claim(ip, claim, mac);
    if (reason == ResolveReason::kNeighbourAbsent || reason == ResolveReason::kNeighbourDiffers) unanswered_.insert(key);
  }
}

/// Brings the pin in line with the owner. True: it is gone, and the entry with it.
bool Resolver::repin(const IpAddress& ip) {
  std::optional<Pin> wanted;
  if (const auto* won = find(ip); won != nullptr && !won->interface.empty()) {
    const NeighbourKey key{won->interface, ip};
    const auto answer = neighbours_.find(key);
    if (answer != neighbours_.end() && answer->second == Neighbour{Neighbour::State::kPresent, won->mac}) {
      wanted = Pin{key, won->mac, won->owner};
    }
  }
  const auto at = pins_.find(ip);
  const std::optional<Pin> before = at == pins_.end() ? std::nullopt : std::optional(at->second);
  if (wanted == before) return false;
  const bool gone = before && (!wanted || wanted->key != before->key);
  if (gone) {
    pins_.erase(at);
    pin_changes_.push_back({before->key, std::nullopt});
    const auto answer = neighbours_.find(before->key);
    if (answer != neighbours_.end() && answer->second == Neighbour{Neighbour::State::kPresent, before->mac}) {
      forget_answer(before->key);
    }
  }
  if (wanted) {
    pins_[ip] = *wanted;
    pin_changes_.push_back({wanted->key, wanted->mac});
  }
  return gone;
}

bool Resolver::adopt(const Pin& pin) {
  const auto& ip = pin.key.ip;
  const auto claims = claims_.find(ip);
  if (claims == claims_.end() || pins_.contains(ip) || neighbours_.contains(pin.key)) return false;
  const bool claimed = std::any_of(claims->second.begin(), claims->second.end(), [&](const Claim& c) {
    return c.owner == pin.owner && c.interface == pin.key.interface && one_of(c.macs, pin.mac);
  });
  if (!claimed) return false;
  neighbours_[pin.key] = {Neighbour::State::kPresent, pin.mac, false};
  asked_.erase(pin.key);
  std::erase(questions_, pin.key);
  pins_[ip] = pin;
  pin_changes_.push_back({pin.key, pin.mac});
  judge(ip);
  return pinned(pin.key);
}

void Resolver::forget_answer(const NeighbourKey& key) {
  neighbours_.erase(key);
  asked_.erase(key);
}

void Resolver::decide(const IpAddress& ip) {
  struct Passing {
    const Claim* claim;
    MacAddress mac;
  };
  std::vector<Passing> passing;
  const auto held = resolved_.find(ip);
  bool asked_again = false;  // about what was confirmed
  if (const auto it = claims_.find(ip); it != claims_.end()) {
    for (const auto& claim : it->second) {
      MacAddress mac;
      const auto reason = judge_claim(ip, claim, mac);
      if (reason == ResolveReason::kResolved) passing.push_back({&claim, mac});
      if (reason != ResolveReason::kNeighbourUnknown) continue;
      asked_again = asked_again || (held != resolved_.end() && held->second.owner == claim.owner &&
                                    held->second.interface == claim.interface && one_of(claim.macs, held->second.mac));
      const NeighbourKey question{claim.interface, ip};
      if (!neighbours_.contains(question) && asked_.insert(question).second) questions_.push_back(question);
    }
  }
  if (passing.size() > 1) {
    if (std::any_of(passing.begin(), passing.end(), [](const auto& p) { return p.claim->telemetry_source; })) {
      std::erase_if(passing, [](const auto& p) { return !p.claim->telemetry_source; });
    }
    if (passing.size() > 1 && held != resolved_.end()) {
      // Of equal rights: who has it keeps it, also when the network had to be asked again.
      const auto first = std::find_if(passing.begin(), passing.end(), [&](const auto& p) {
        return p.claim->owner == held->second.owner && p.claim->interface == held->second.interface;
      });
      if (first != passing.end()) passing = {*first};
    }
    if (passing.size() != 1) contested_.push_back(ip);
  } else if (passing.size() == 1 && !passing[0].claim->telemetry_source) {
    // Whoever answers ARP for another's address must not inherit it: the EMS hears the other one from there.
    const auto& claims = claims_.at(ip);
    if (std::any_of(claims.begin(), claims.end(), [](const auto& c) { return c.telemetry_source; })) {
      passing.clear();
      contested_.push_back(ip);
    }
  }
  std::optional<ResolvedAddress> winner;
  if (passing.size() == 1) {
    winner = ResolvedAddress{ip, passing[0].mac, passing[0].claim->interface, passing[0].claim->owner};
  }
  // While the network is being asked again about what it confirmed, what stood goes on standing. A question about
  // somebody else's claim, or about another one of the owner's than the one that was confirmed, saves nobody.
  if (!winner && asked_again) return;
  if (winner) {
    if (held == resolved_.end() || held->second != *winner) {
      resolved_[ip] = *winner;
      changed_.insert(ip);
    }
  } else if (held != resolved_.end()) {
    resolved_.erase(held);
    changed_.insert(ip);
  }
}

void Resolver::set_neighbour(const NeighbourKey& key, const Neighbour& neighbour) {
  auto [it, inserted] = neighbours_.try_emplace(key, neighbour);
  if (!inserted) {
    if (it->second == neighbour) return;
    it->second = neighbour;
  }
  if (neighbour.state != Neighbour::State::kAsking) asked_.erase(key);
  judge(key.ip);
}

void Resolver::remove_neighbour(const NeighbourKey& key) {
  if (neighbours_.erase(key) == 0) return;
  asked_.erase(key);
  judge(key.ip);
}

const ResolvedAddress* Resolver::find(const IpAddress& ip) const {
  const auto it = resolved_.find(ip);
  return it == resolved_.end() ? nullptr : &it->second;
}

std::set<IpAddress> Resolver::take_changes() { return std::exchange(changed_, {}); }
std::vector<PinChange> Resolver::take_pins() { return std::exchange(pin_changes_, {}); }
std::vector<NeighbourKey> Resolver::take_questions() { return std::exchange(questions_, {}); }
std::vector<IpAddress> Resolver::take_contested() { return std::exchange(contested_, {}); }
std::vector<RecordKey> Resolver::take_excessive() { return std::exchange(excessive_, {}); }

bool Resolver::pinned(const NeighbourKey& key) const {
  const auto it = pins_.find(key.ip);
  return it != pins_.end() && it->second.key == key;
}

ResolveReason Resolver::why(const RecordKey& key) const {
  const auto it = records_.find(key);
  if (it == records_.end()) return ResolveReason::kNoAddress;
  if (it->second.claimed.empty()) return it->second.without_claim;
  ResolveReason best = ResolveReason::kNoAddress;
  for (const auto& ip : it->second.claimed) {
    if (const auto* won = find(ip); won != nullptr && won->owner == key) return ResolveReason::kResolved;
    for (const auto& claim : claims_.at(ip)) {
      if (claim.owner != key) continue;
      MacAddress mac;
      best = judge_claim(ip, claim, mac);
      if (best == ResolveReason::kResolved) best = ResolveReason::kContested;
    }
  }
  return best;
}

ResolveReason Resolver::why(const RecordKey& key, const IpAddress& ip) const {
  const auto it = records_.find(key);
  if (it == records_.end()) return ResolveReason::kNoAddress;
  if (!it->second.claimed.contains(ip)) {
    const bool nobodys = is_own(ip) || reserved_.contains(ip);
    if (it->second.claimed.empty() && it->second.without_claim != ResolveReason::kReserved) return it->second.without_claim;
    return nobodys ? ResolveReason::kReserved : ResolveReason::kNoAddress;
  }
  if (const auto* won = find(ip); won != nullptr && won->owner == key) return ResolveReason::kResolved;
  auto reason = ResolveReason::kNoAddress;
  for (const auto& claim : claims_.at(ip)) {
    if (claim.owner != key) continue;
    MacAddress mac;
    reason = judge_claim(ip, claim, mac);
  }
  return reason == ResolveReason::kResolved ? ResolveReason::kContested : reason;
}

std::vector<RecordKey> Resolver::claimants(const IpAddress& ip) const {
  std::vector<RecordKey> out;
  if (const auto it = claims_.find(ip); it != claims_.end()) {
    for (const auto& claim : it->second) out.push_back(claim.owner);
  }
  if (const auto it = barred_.find(ip); it != barred_.end()) out.insert(out.end(), it->second.begin(), it->second.end());
  std::sort(out.begin(), out.end());
  return out;
}

const Neighbour* Resolver::neighbour(const NeighbourKey& key) const {
  const auto it = neighbours_.find(key);
  return it == neighbours_.end() ? nullptr : &it->second;
}

bool Resolver::has_interface(const std::string& name) const {
  return std::any_of(interfaces_.begin(), interfaces_.end(), [&](const LocalInterface& local) { return local.name == name; });
}

bool Resolver::is_own(const IpAddress& ip) const {
  return std::any_of(interfaces_.begin(), interfaces_.end(), [&](const LocalInterface& local) { return local.has(ip); });
}

const LocalInterface* Resolver::network_of(const IpAddress& ip) const {
  for (const auto& local : interfaces_) {
    if (local.on_network(ip)) return &local;
  }
  return nullptr;
}

}  // namespace postern::gateway
