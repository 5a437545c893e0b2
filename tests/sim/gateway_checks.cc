// What must hold at a gateway at every moment, worked out anew and without haste from the view it holds.
#include <algorithm>

#include "ems_node.h"
#include "gateway/firewall/rules.h"
#include "gateway_node.h"

namespace postern::sim {

using namespace gateway;

namespace {

bool judges(const firewall::Policy& policy) {
  return policy.action == config::Action::kDeny || policy.condition.negate;
}

/// An endpoint's tags on this gateway, by the names of their dynamic addresses.
struct NamedTags {
  std::set<std::string> has, unknown, defined, ignored;
};

NamedTags tags_of(const Record& record, const std::vector<TagInfo>& infos) {
  NamedTags out;
  for (const auto& info : infos) {
    const auto name = address_name(record.key.connector, info);
    out.defined.insert(name);
    if (info.on_unknown_ignore) out.ignored.insert(name);
    if (std::ranges::count(record.tags, info.id) != 0) {
      out.has.insert(name);
    } else if (std::ranges::count(record.unknown_tags, info.id) != 0) {
      out.unknown.insert(name);
    }
  }
  return out;
}

bool behind(const Record& record, const LocalInterface& local) {
  return std::ranges::any_of(record.routes, [&](const auto& route) {
    return !route.vpn && route.gateway_mac.valid() && route.gateway_mac == local.mac;
  });
}

bool has_mac(const Record& record, const MacAddress& mac) {
  return std::ranges::any_of(record.interfaces, [&](const auto& i) { return i.mac == mac; });
}

bool in_network(const LocalInterface& local, const IpAddress& ip) {
  // The simulation's networks are all /24.
  return std::ranges::any_of(local.addresses, [&](const auto& a) {
    return std::equal(a.ip.bytes().begin(), a.ip.bytes().begin() + 3, ip.bytes().begin());
  });
}

bool claims(const Record& record, const IpAddress& ip) {
  return std::ranges::any_of(record.interfaces,
                             [&](const auto& i) { return i.up && std::ranges::count(i.addresses, ip) != 0; });
}

std::map<RecordKey, Record> records_of(const proto::View& view, ConnectorId connector) {
  std::map<RecordKey, Record> out;
  for (const auto& [uid, entry] : view.entries()) {
    if (auto record = decode_record(connector, entry)) out.emplace(record->key, std::move(*record));
  }
  return out;
}

std::vector<TagInfo> infos_of(const proto::View& view) {
  std::vector<TagInfo> out;
  for (const auto& [id, bytes] : view.tags()) {
    if (auto info = decode_tag(bytes)) out.push_back(std::move(*info));
  }
  return out;
}

}  // namespace

void GatewayNode::check() {
  if (!up() || world_.journal.failed()) return;
  check_view();
  if (core_->unfinished()) return;  // of some records it goes on as before
  check_slots();
  check_addresses();
  check_pins();
}

void GatewayNode::check_view() {
  const auto& view = client().view();
  if (client().epoch() == 0 && view.entries().empty() && view.tags().empty()) return;  // nothing was ever given
  if (ems_.announced(serial_, view.digest())) return;
  world_.journal.violation("{} holds a view of {} endpoints and {} tags that the EMS never announced to it", name_,
                           view.entries().size(), view.tags().size());
}

void GatewayNode::check_slots() {
  const auto& view = client().view();
  const auto records = records_of(view, kConnector);
  const auto infos = infos_of(view);
  std::map<Sha256, Slot> expected;
  for (const auto& [key, record] : records) {
    const bool adjacent = std::ranges::any_of(interfaces_, [&](const auto& local) { return behind(record, local); });
    if (!record.asked && !(record.share_connected && (record.blocked || adjacent))) continue;
    const auto tags = tags_of(record, infos);
    for (const auto& certificate : record.certificates) {
      Slot slot;
      slot.leaf = certificate.sha256;
      slot.owner = key;
      slot.not_after = certificate.not_after;
      slot.online = record.online;
      slot.registered = record.registered;
      slot.quarantined = record.quarantined;
      slot.blocked = record.blocked;
      slot.unknown.set();
      for (const auto& [name, entry] : core_->tags().entries()) {
        slot.tags[entry.bit] = tags.has.contains(name);
        slot.unknown[entry.bit] =
            !tags.has.contains(name) && (!tags.defined.contains(name) || tags.unknown.contains(name));
      }
      expected.emplace(slot.leaf, slot);
    }
  }
  if (core_->slots() != expected) {
    world_.journal.violation("{} has {} slots where its view makes {}, or their content differs", name_,
                             core_->slots().size(), expected.size());
  }
  if (slots_ != expected) {
    world_.journal.violation("{}'s shared memory has {} slots where its view makes {}, or their content differs", name_,
                             slots_.size(), expected.size());
  }
}

void GatewayNode::check_addresses() {
  const auto records = records_of(client().view(), kConnector);
  for (const auto& [ip, state] : core_->addresses()) {
    const auto it = records.find(state.owner);
    const auto wrong = [&](std::string_view why) {
      world_.journal.violation("{} resolves {} to {}: {}", name_, ip.str(), state.owner.uid.str(), why);
    };
    if (it == records.end()) return wrong("there is no such record");
    const auto& record = it->second;
    if (!record.usable()) return wrong("it is offline, quarantined, blocked or not registered");
    if (core_->connectors().at(kConnector).stale) return wrong("its EMS is out of reach");
    if (!claims(record, ip)) return wrong("it does not claim it");
    if (state.interface.empty()) {
      if (!(record.share_all || record.share_selected) || record.public_ip != ip) {
        return wrong(fmt::format("its telemetry comes from {}, shared to all: {}, by selection: {}",
                                 record.public_ip.str(), record.share_all, record.share_selected));
      }
      continue;
    }
    const auto local = std::ranges::find_if(interfaces_, [&](const auto& l) { return l.name == state.interface; });
    if (local == interfaces_.end() || !record.share_connected || !behind(record, *local))
      return wrong("it is not behind that interface");
    const auto neighbour = neighbours_.find({state.interface, ip});
    if (neighbour == neighbours_.end()) continue;  // being asked again
    if (neighbour->second.state == Neighbour::State::kAbsent) return wrong("nobody answers there");
    if (neighbour->second.state == Neighbour::State::kPresent && !has_mac(record, neighbour->second.mac)) {
      return wrong("another hardware address answers there");
    }
  }
}

void GatewayNode::check_sets() {
  if (core_->unfinished()) return;
  const auto records = records_of(client().view(), kConnector);
  const auto infos = infos_of(client().view());
  std::set<std::string> names, judged;
  for (const auto& info : infos) names.insert(address_name(kConnector, info));
  for (const auto& policy : policies()) {
    names.insert(policy.condition.tags.begin(), policy.condition.tags.end());
    if (judges(policy)) judged.insert(policy.condition.tags.begin(), policy.condition.tags.end());
  }
  std::map<std::string, std::set<std::string>> expected{
      {"alive", {}}, {"bound", {}}, {"bound6", {}}, {"held", {}}, {"held6", {}}, {"routed", {}}, {"routed6", {}}, {"unchecked", {}}};
  for (const auto& name : names) {
    const firewall::TagSets sets(name);
    for (const auto& set : {sets.v4, sets.v6}) expected[set];
    if (judged.contains(name)) {
      expected[sets.mac];
      expected[sets.known4];
      expected[sets.known6];
    }
  }
  for (const auto& [ip, state] : core_->addresses()) {
    const auto record = records.find(state.owner);
    if (record == records.end()) continue;
    if (state.interface.empty()) {
      expected["routed"].insert(ip.str());
    } else {
      expected["bound"].insert(fmt::format("{} . {} . \"{}\"", ip.str(), state.mac.str(), state.interface));
      expected["held"].insert(ip.str());
    }
    const auto tags = tags_of(record->second, infos);
    for (const auto& name : tags.has) {
      expected[firewall::TagSets(name).v4].insert(ip.str());
      if (!state.interface.empty() && judged.contains(name)) expected[firewall::TagSets(name).mac].insert(state.mac.str());
    }
    for (const auto& name : judged) {
      const bool known = tags.defined.contains(name) && (!tags.unknown.contains(name) || tags.ignored.contains(name));
      if (known) expected[firewall::TagSets(name).known4].insert(ip.str());
    }
  }
  if (nft_.sets() == expected) return;
  for (const auto& [set, elements] : expected) {
    const auto it = nft_.sets().find(set);
    if (it != nft_.sets().end() && it->second == elements) continue;
    world_.journal.violation("{}'s nftables set {} has {} elements where {} belong in it, or others", name_, set,
                             it == nft_.sets().end() ? 0 : it->second.size(), elements.size());
    return;
  }
  world_.journal.violation("{} has {} nftables sets where {} belong", name_, nft_.sets().size(), expected.size());
}

void GatewayNode::check_pins() {
  for (const auto& [key, mac] : pins_) {
    const auto* owner = core_->resolver().find(key.ip);
    if (owner != nullptr && owner->interface == key.interface && owner->mac == mac) continue;
    world_.journal.violation("{} goes on pinning {} to {}, which nobody has", name_, key.ip.str(), mac.str());
  }
  for (const auto& [ip, state] : core_->addresses()) {
    if (state.interface.empty()) continue;
    const auto n = neighbours_.find({state.interface, ip});
    const bool confirmed = n != neighbours_.end() && n->second.state == Neighbour::State::kPresent;
    if (!confirmed || pins_.contains(n->first)) continue;
    world_.journal.violation("{} has {} confirmed and does not pin it", name_, ip.str());
  }
}

void GatewayNode::check_denied() {
  if (!leased()) return;
  for (const auto& [leaf, slot] : slots_) {
    if (!slot.registered || !slot.online || slot.quarantined || slot.blocked) continue;
    const auto it = world_.ledger.endpoints.find(slot.owner.uid);
    if (it == world_.ledger.endpoints.end()) continue;
    const auto since = it->second.denied_since();
    if (!since || world_.mono() <= *since + kThreshold + set_back) continue;
    world_.journal.violation("{} still lets in {}, which was put out {} ms ago", name_, slot.owner.uid.str(),
                             std::chrono::duration_cast<Millis>(world_.mono() - *since).count());
  }
}

void GatewayNode::check_resolved() {
  struct Winner {
    RecordKey owner;
    bool source;
  };
  std::map<IpAddress, std::vector<Winner>> passing;
  std::set<IpAddress> heard_from;  // claimed by somebody whose telemetry comes from there, confirmed or not
  const auto records = records_of(client().view(), kConnector);
  for (const auto& [key, record] : records) {
    if (!record.usable()) continue;
    const bool wider = record.share_all || record.share_selected;
    const auto local =
        std::ranges::find_if(interfaces_, [&](const auto& l) { return record.share_connected && behind(record, l); });
    for (const auto& interface : record.interfaces) {
      for (const auto& ip : interface.addresses) {
        const bool source = record.public_ip == ip;
        const bool adjacent = local != interfaces_.end() && in_network(*local, ip);
        if (source && (adjacent || wider)) heard_from.insert(ip);
        if (adjacent) {
          const auto n = neighbours_.find({local->name, ip});
          if (n != neighbours_.end() && n->second.state == Neighbour::State::kPresent &&
              has_mac(record, n->second.mac)) {
            passing[ip].push_back({key, source});
          }
        } else if (wider && source) {
          passing[ip].push_back({key, true});
        }
      }
    }
  }
  std::map<IpAddress, RecordKey> expected;
  for (auto& [ip, winners] : passing) {
    if (heard_from.contains(ip))
      std::erase_if(winners, [](const Winner& w) { return !w.source; });
    if (winners.size() == 1) expected.emplace(ip, winners.front().owner);
    if (winners.size() <= 1) continue;
    // Of equal rights: whoever was first, or nobody.
    const auto* first = core_->resolver().find(ip);
    if (first != nullptr && std::ranges::any_of(winners, [&](const Winner& w) { return w.owner == first->owner; })) {
      expected.emplace(ip, first->owner);
    }
  }
  std::map<IpAddress, RecordKey> resolved;
  for (const auto& [ip, state] : core_->addresses()) resolved.emplace(ip, state.owner);
  if (resolved == expected) return;
  for (const auto& [ip, owner] : expected) {
    const auto it = resolved.find(ip);
    if (it != resolved.end() && it->second == owner) continue;
    world_.journal.violation("{} should resolve {} to {} and has {}", name_, ip.str(), owner.uid.str(),
                             it == resolved.end() ? "nobody" : it->second.uid.str());
    return;
  }
  world_.journal.violation("{} resolves {} addresses where {} should be", name_, resolved.size(), expected.size());
}

}  // namespace postern::sim
