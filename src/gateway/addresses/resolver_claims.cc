// Resolver: what endpoints claim, and when that is gone through anew.
#include <algorithm>
#include <utility>

#include "gateway/addresses/resolver.h"

namespace postern::gateway {

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
  const auto macs = record.hardware_addresses();
  std::size_t adjacent_claims = 0;
  const auto* local = record.share_connected ? gateway_interface(record) : nullptr;
  for (const auto& interface : record.interfaces) {
    if (!interface.up) continue;
    for (const auto& ip : interface.addresses) {
      if (ip.is_loopback() || ip.is_link_local()) continue;
      if (is_own(ip) || reserved_.contains(ip)) {
        without_claim = ResolveReason::kReserved;
        continue;
      }
      const bool adjacent = local != nullptr && local->on_network(ip);
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

/// Who claims what nobody can claim any more.
std::set<RecordKey> Resolver::claimants_of_ours() const {
  std::set<IpAddress> ours = reserved_;
  for (const auto& local : interfaces_) {
    for (const auto& address : local.addresses) ours.insert(address.ip);
  }
  std::set<RecordKey> out;
  for (const auto& ip : ours) {
    const auto at = claims_.find(ip);
    if (at == claims_.end()) continue;
    for (const auto& claim : at->second) out.insert(claim.owner);
  }
  return out;
}

std::set<RecordKey> Resolver::keys(std::optional<ConnectorId> connector) const {
  std::set<RecordKey> out;
  for (const auto& [key, known] : records_) {
    if (!connector || key.connector == *connector) out.insert(out.end(), key);
  }
  return out;
}

void Resolver::claim_anew(std::set<RecordKey> records) {
  if (waiting_.size() < records.size()) waiting_.swap(records);
  waiting_.merge(records);
  for (const auto& key : claimants_of_ours()) {
    reclaim(records_.at(key));
    waiting_.erase(key);
  }
  go_on(at_once_);
}

void Resolver::go_on(std::size_t records) {
  for (; records > 0 && !waiting_.empty(); --records) reclaim(records_.at(waiting_.extract(waiting_.begin()).value()));
}

void Resolver::set_interfaces(std::vector<LocalInterface> interfaces) {
  if (interfaces == interfaces_) return;
  interfaces_ = std::move(interfaces);
  std::erase_if(unanswered_, [&](const NeighbourKey& key) { return !has_interface(key.interface); });
  claim_anew(keys());
}

void Resolver::set_reserved(std::set<IpAddress> addresses) {
  if (addresses == reserved_) return;
  reserved_ = std::move(addresses);
  claim_anew(keys());
}

void Resolver::upsert(const Record& record) {
  auto& known = records_[record.key];
  known.record = record;
  waiting_.erase(record.key);
  reclaim(known);
}

void Resolver::remove(const RecordKey& key) {
  const auto it = records_.find(key);
  if (it == records_.end()) return;
  it->second.record.registered = it->second.record.quarantined = false;  // claims and bars nothing any more
  reclaim(it->second);
  waiting_.erase(key);
  records_.erase(it);
}

void Resolver::set_stale(ConnectorId connector, bool stale) {
  const bool changed = stale ? stale_.insert(connector).second : stale_.erase(connector) > 0;
  if (changed) claim_anew(keys(connector));
}

}  // namespace postern::gateway
