#include "gateway/addresses/resolver.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace postern::gateway {
namespace {

bool covers(const LocalInterface::Address& net, const IpAddress& ip) {
  if (net.ip.is_v4() != ip.is_v4()) return false;
  unsigned bits = net.prefix;
  for (std::size_t i = 0; bits > 0; ++i) {
    const unsigned take = std::min(bits, 8u);
    const auto mask = static_cast<std::uint8_t>(0xff00u >> take);
    if ((net.ip.bytes()[i] & mask) != (ip.bytes()[i] & mask)) return false;
    bits -= take;
  }
  return true;
}

bool one_of(const std::vector<MacAddress>& macs, const MacAddress& mac) {
  return std::find(macs.begin(), macs.end(), mac) != macs.end();
}

bool is_own(const std::vector<LocalInterface>& interfaces, const IpAddress& ip) {
  return std::any_of(interfaces.begin(), interfaces.end(), [&](const LocalInterface& local) {
    return std::any_of(local.addresses.begin(), local.addresses.end(), [&](const auto& a) { return a.ip == ip; });
  });
}

std::vector<MacAddress> macs_of(const Record& record) {
  std::vector<MacAddress> macs;
  for (const auto& interface : record.interfaces) {
    if (interface.mac.valid()) macs.push_back(interface.mac);
  }
  return macs;
}

}  // namespace

std::string_view resolve_reason_text(ResolveReason reason) {
  switch (reason) {
    case ResolveReason::kResolved: return "resolved";
    case ResolveReason::kNotOnline: return "it is offline, quarantined, blocked or not registered";
    case ResolveReason::kConnectorStale:
      return "its EMS has been out of reach for longer than the out-of-sync threshold";
    case ResolveReason::kZtnaOnly: return "it is known only by its connection through the access proxy";
    case ResolveReason::kNoAddress: return "it reports no address on a network of this gateway";
    case ResolveReason::kReserved:
      return "the address it claims is this gateway's own, or that of an EMS, a next hop or a real server";
    case ResolveReason::kNeighbourUnknown: return "the network has been asked for its address and has not answered yet";
    case ResolveReason::kNeighbourAbsent: return "nobody on the network answers for the address it claims";
    case ResolveReason::kNeighbourDiffers: return "another hardware address answers for the address it claims";
    case ResolveReason::kNotTelemetrySource: return "its telemetry comes from another address than it claims";
    case ResolveReason::kContested: return "another endpoint claims the same address";
    case ResolveReason::kQuarantined:
      return "an endpoint in quarantine has the same address and hardware address: it is one machine, enrolled twice";
  }
  return "unknown";
}

const LocalInterface* Resolver::interface_of(const posture::Route& route) const {
  if (!route.gateway_mac.valid()) return nullptr;
  // A bridge shares its hardware address with one of its ports, as a VLAN does with its device: it is the one that has the
  // endpoint's network, or any.
  const LocalInterface* best = nullptr;
  int best_rank = -1;
  for (const auto& local : interfaces_) {
    if (local.mac != route.gateway_mac) continue;
    const bool on_its_network = std::any_of(local.addresses.begin(), local.addresses.end(),
                                            [&](const auto& net) { return covers(net, route.local_ip); });
    const int rank = on_its_network ? 2 : local.addresses.empty() ? 0 : 1;
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

std::map<IpAddress, Resolver::Claim> Resolver::claims_of(const Record& record, ResolveReason& without_claim,
                                                     bool& excessive) const {
  std::map<IpAddress, Claim> claims;
  without_claim = ResolveReason::kNoAddress;
  if (!record.usable()) {
    without_claim = ResolveReason::kNotOnline;
    return claims;
  }
  if (stale_.contains(record.key.connector)) {
    without_claim = ResolveReason::kConnectorStale;
    return claims;
  }
  const bool wider = record.share_all || record.share_selected;
  if (!record.share_connected && !wider) {
    without_claim = ResolveReason::kZtnaOnly;
    return claims;
  }
  const auto macs = macs_of(record);
  std::size_t adjacent_claims = 0;
  const auto* local = record.share_connected ? gateway_interface(record) : nullptr;
  for (const auto& interface : record.interfaces) {
    if (!interface.up) continue;
    for (const auto& ip : interface.addresses) {
      if (ip.is_loopback() || ip.is_link_local()) continue;
      if (is_own(interfaces_, ip) || reserved_.contains(ip)) {
        without_claim = ResolveReason::kReserved;
        continue;
      }
      const bool adjacent = local != nullptr && std::any_of(local->addresses.begin(), local->addresses.end(),
                                                            [&](const auto& net) { return covers(net, ip); });
      if (!adjacent && !wider) continue;
      if (adjacent && !claims.contains(ip) && ++adjacent_claims > kMaxAdjacentClaims) {
        excessive = true;
        continue;
      }
      Claim claim{record.key, adjacent ? local->name : "", macs, ip == record.public_ip};
      std::stable_partition(claim.macs.begin(), claim.macs.end(), [&](const auto& m) { return m == interface.mac; });
      claims[ip] = std::move(claim);
    }
  }
  return claims;
}

/// The same machine by its hardware address. One that names another's card and address to have it shut out is told by
/// where its telemetry comes from.
bool Resolver::in_quarantine(const IpAddress& ip, const Claim& claim) const {
  const auto at = barred_.find(ip);
  if (at == barred_.end()) return false;
  return std::any_of(at->second.begin(), at->second.end(), [&](const RecordKey& key) {
    const auto& record = records_.at(key).record;
    if (claim.telemetry_source && record.public_ip != ip) return false;
    const auto macs = macs_of(record);
    return std::any_of(macs.begin(), macs.end(), [&](const MacAddress& m) { return one_of(claim.macs, m); });
  });
}

ResolveReason Resolver::judge_claim(const IpAddress& ip, const Claim& claim, MacAddress& mac) const {
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

/// Brings what the endpoint's quarantine bars up to date. Returns what may be judged otherwise now.
std::set<IpAddress> Resolver::bar(Known& known) {
  std::set<IpAddress> now;
  if (known.record.quarantined && !known.record.blocked) {
    for (const auto& interface : known.record.interfaces) now.insert(interface.addresses.begin(), interface.addresses.end());
  }
  std::set<IpAddress> touched = now;
  for (const auto& ip : known.barred) {
    touched.insert(ip);
    auto& list = barred_[ip];
    std::erase(list, known.record.key);
    if (list.empty()) barred_.erase(ip);
  }
  for (const auto& ip : now) barred_[ip].push_back(known.record.key);
  known.barred = std::move(now);
  return touched;
}

void Resolver::reclaim(Known& known) {
  bool excessive = false;
  auto claims = claims_of(known.record, known.without_claim, excessive);
  if (excessive && !std::exchange(known.excess_told, true)) excessive_.push_back(known.record.key);
  std::set<IpAddress> touched = known.claimed;
  touched.merge(bar(known));
  for (const auto& ip : known.claimed) {
    auto& list = claims_[ip];
    // The address sits on another card of the endpoint now: what was confirmed of the old one says nothing of it. What
    // stood stands while the network is asked.
    const auto pin = pins_.find(ip);
    const auto next = claims.find(ip);
    if (pin != pins_.end() && next != claims.end() && pin->second.owner == known.record.key) {
      const auto same =
          std::find_if(list.begin(), list.end(), [&](const auto& c) { return c.owner == known.record.key; });
      const auto first = [](const Claim& c) { return c.macs.empty() ? MacAddress() : c.macs.front(); };
      if (first(*same) != first(next->second) && first(next->second) != pin->second.mac) forget_answer(pin->second.key);
    }
    std::erase_if(list, [&](const auto& c) { return c.owner == known.record.key; });
    if (list.empty()) claims_.erase(ip);
  }
  known.claimed.clear();
  for (auto& [ip, claim] : claims) {
    claims_[ip].push_back(std::move(claim));
    known.claimed.insert(ip);
    touched.insert(ip);
  }
  for (const auto& ip : touched) judge(ip);
}

void Resolver::set_interfaces(std::vector<LocalInterface> interfaces) {
  if (interfaces == interfaces_) return;
  unanswered_.clear();  // all claims are judged anew
  interfaces_ = std::move(interfaces);
  for (auto& [key, known] : records_) reclaim(known);
}

void Resolver::set_reserved(std::set<IpAddress> addresses) {
  if (addresses == reserved_) return;
  reserved_ = std::move(addresses);
  for (auto& [key, known] : records_) reclaim(known);
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

void Resolver::upsert(const Record& record) {
  auto& known = records_[record.key];
  known.connector = record.key.connector;
  known.record = record;
  reclaim(known);
}

void Resolver::remove(const RecordKey& key) {
  const auto it = records_.find(key);
  if (it == records_.end()) return;
  it->second.record.registered = it->second.record.quarantined = false;  // claims and bars nothing any more
  reclaim(it->second);
  records_.erase(it);
}

void Resolver::set_stale(ConnectorId connector, bool stale) {
  const bool changed = stale ? stale_.insert(connector).second : stale_.erase(connector) > 0;
  if (!changed) return;
  for (auto& [key, known] : records_) {
    if (known.connector == connector) reclaim(known);
  }
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
    const bool nobodys = is_own(interfaces_, ip) || reserved_.contains(ip);
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

const LocalInterface* Resolver::network_of(const IpAddress& ip) const {
  for (const auto& local : interfaces_) {
    if (std::any_of(local.addresses.begin(), local.addresses.end(), [&](const auto& net) { return covers(net, ip); }))
      return &local;
  }
  return nullptr;
}

}  // namespace postern::gateway
