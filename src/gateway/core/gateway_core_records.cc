// GatewayCore: what becomes of records, in ec-shm's slots and in the resolved addresses.
#include <utility>

#include <fmt/format.h>

#include "gateway/core/gateway_core.h"

namespace postern::gateway {

namespace fabric = proto::fabric;

// ---- records and slots

bool GatewayCore::matched(const Record& record) const {
  // Of one that is refused nobody says any more where it is; its sessions end, and are told why, by its slot.
  return record.asked ||
         (record.share_connected && (record.blocked || resolver_.gateway_interface(record) != nullptr));
}

Slot GatewayCore::make_slot(const Record& record, const ClientCertificate& certificate) const {
  Slot slot;
  slot.leaf = certificate.sha256;
  slot.owner = record.key;
  slot.not_after = certificate.not_after;
  slot.online = record.online;
  slot.registered = record.registered;
  slot.quarantined = record.quarantined;
  slot.blocked = record.blocked;
  // Unknown is everything that this endpoint's own EMS did not decide.
  slot.unknown = ~tags_.defined_by(record.key.connector);
  for (const auto id : record.unknown_tags) {
    if (const auto bit = tags_.bit_of(record.key.connector, id)) slot.unknown[*bit] = true;
  }
  for (const auto id : record.tags) {
    if (const auto bit = tags_.bit_of(record.key.connector, id)) slot.tags[*bit] = true;
  }
  for (const auto& [name, users] : users_) {
    const auto* entry = tags_.find(name);
    if (entry == nullptr) continue;
    const auto is = user_is_any(record.last_login_user, users);
    slot.tags[entry->bit] = is == UserIs::kYes;
    slot.unknown[entry->bit] = is == UserIs::kUnknown;
  }
  slot.unknown &= ~slot.tags;
  return slot;
}

void GatewayCore::refresh_slots(const Record& record) {
  std::set<Sha256> now_held;
  if (matched(record)) {
    for (const auto& certificate : record.certificates) {
      auto slot = make_slot(record, certificate);
      now_held.insert(certificate.sha256);
      auto [it, inserted] = slots_.try_emplace(certificate.sha256, slot);
      if (!inserted) {
        if (it->second == slot) continue;
        it->second = slot;
      }
      actions_.push_back(act::SlotUpsert{std::move(slot)});
    }
  }
  auto& held = leaves_[record.key];
  for (const auto& leaf : held) {
    if (now_held.contains(leaf)) continue;
    // Another record (of another connector) may hold the same certificate by now.
    if (const auto it = slots_.find(leaf); it != slots_.end() && it->second.owner == record.key) {
      slots_.erase(it);
      actions_.push_back(act::SlotRemove{leaf});
    }
  }
  held = std::move(now_held);
  if (held.empty()) leaves_.erase(record.key);
}

void GatewayCore::take_record(Record record) {
  resolver_.upsert(record);
  const auto key = record.key;
  auto& held = records_[key];
  if (held.blocked) blocked_until_.erase({held.last_expiry(), key});
  held = std::move(record);
  if (held.blocked) blocked_until_.emplace(held.last_expiry(), key);
  refresh_slots(held);
  // The owner's tags may have changed although its addresses did not.
  for (const auto& interface : held.interfaces) {
    for (const auto& ip : interface.addresses) publish_address(ip);
  }
}

void GatewayCore::drop_over(WallTime now) {
  while (!blocked_until_.empty() && blocked_until_.begin()->first <= now) {
    const auto key = blocked_until_.begin()->second;
    drop_record(key);
  }
}

void GatewayCore::drop_record(const RecordKey& key) {
  const auto it = records_.find(key);
  if (it == records_.end()) return;
  resolver_.remove(key);
  Record gone = std::move(it->second);
  if (gone.blocked) blocked_until_.erase({gone.last_expiry(), key});
  records_.erase(it);
  gone.certificates.clear();
  gone.asked = false;
  gone.share_connected = false;
  refresh_slots(gone);
}

/// Every slot and address by the tags and users of now, if those mean another thing than when that was last done.
void GatewayCore::refresh_everything() {
  auto meaning = std::make_pair(tags_.meaning(), users_);
  if (meaning == refreshed_by_) return;
  refreshed_by_ = std::move(meaning);
  for (const auto& [key, record] : records_) refresh_slots(record);
  for (const auto& [ip, address] : resolver_.resolved()) publish_address(ip);
}

// ---- addresses

void GatewayCore::publish_address(const IpAddress& ip) {
  const auto* resolved = resolver_.find(ip);
  const auto owner = resolved == nullptr ? records_.end() : records_.find(resolved->owner);
  if (owner == records_.end()) {
    if (addresses_.erase(ip) > 0) actions_.push_back(act::AddressRemove{ip});
    return;
  }
  const auto slot = make_slot(owner->second, {});
  AddressState state{ip, resolved->mac, resolved->interface, resolved->owner, slot.tags, ~slot.unknown};
  auto [it, inserted] = addresses_.try_emplace(ip, state);
  if (!inserted) {
    if (it->second == state) return;
    it->second = state;
  }
  actions_.push_back(act::AddressUpsert{std::move(state)});
}

void GatewayCore::follow_resolver() {
  for (const auto& ip : resolver_.take_changes()) publish_address(ip);
  for (const auto& pin : resolver_.take_pins()) {
    if (pin.mac) {
      actions_.push_back(act::PinNeighbour{pin.key, *pin.mac});
    } else {
      actions_.push_back(act::UnpinNeighbour{pin.key});
    }
  }
  for (const auto& question : resolver_.take_questions()) actions_.push_back(act::AskNeighbour{question});
  for (const auto& ip : resolver_.take_contested()) {
    actions_.push_back(act::Alert{"addresses.contested",
                                  fmt::format("more than one endpoint claims {} with equal right: it is in no tag's "
                                              "addresses until that ends",
                                              ip.str())});
  }
  for (const auto& key : resolver_.take_excessive()) {
    actions_.push_back(act::Alert{"addresses.too_many",
                                  fmt::format("endpoint {} of EMS {} reports more than {} addresses on this gateway's "
                                              "network: those beyond are in no tag's addresses",
                                              key.uid.str(), key.connector, Resolver::kMaxAdjacentClaims)});
  }
}

void GatewayCore::set_interfaces(std::vector<LocalInterface> interfaces) {
  std::vector<proto::FabricInterface> told;
  for (const auto& interface : interfaces) {
    proto::FabricInterface out;
    out.name = interface.name;
    out.mac.assign(interface.mac.bytes().begin(), interface.mac.bytes().end());
    for (const auto& address : interface.addresses) {
      const auto& raw = address.ip.bytes();
      out.addresses.push_back({Bytes(raw.begin(), raw.begin() + (address.ip.is_v4() ? 4 : 16)), address.prefix});
    }
    told.push_back(std::move(out));
  }
  resolver_.set_interfaces(std::move(interfaces));
  for (auto& [id, c] : connectors_) {
    c.client->set_interfaces(told);
    for (auto& action : c.client->take_actions()) {
      if (auto* send = std::get_if<fabric::Send>(&action)) actions_.push_back(act::Send{id, std::move(send->bytes)});
    }
  }
  own_interfaces_ = std::move(told);
  for (const auto& [key, record] : records_) refresh_slots(record);
  follow_resolver();
}

void GatewayCore::set_reserved(std::set<IpAddress> addresses) {
  resolver_.set_reserved(std::move(addresses));
  follow_resolver();
}

void GatewayCore::set_neighbour(const NeighbourKey& key, const Neighbour& neighbour) {
  resolver_.set_neighbour(key, neighbour);
  follow_resolver();
}

void GatewayCore::remove_neighbour(const NeighbourKey& key) {
  resolver_.remove_neighbour(key);
  follow_resolver();
}

void GatewayCore::adopt_pin(const Pin& pin) {
  resolver_.adopt(pin);
  follow_resolver();
}

}  // namespace postern::gateway
