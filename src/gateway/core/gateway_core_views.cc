// GatewayCore: what an EMS's view says of endpoints and tags, taken up; a very large change in several turns.
#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "gateway/core/gateway_core.h"

namespace postern::gateway {

namespace fabric = proto::fabric;

namespace {

/// By which records say that somebody has a tag; with each whether the EMS would have it ignored where that is unknown.
std::map<std::uint32_t, bool> numbers_of(const TagTable& tags, ConnectorId id) {
  std::map<std::uint32_t, bool> out;
  for (const auto& [name, tag] : tags.entries()) {
    if (tag.info && tag.connector == id) out.emplace(tag.info->id, tag.info->on_unknown_ignore);
  }
  return out;
}

}  // namespace

bool GatewayCore::waits_for(ConnectorId id) const {
  return std::any_of(waiting_.begin(), waiting_.end(), [&](const WaitingChange& w) { return w.connector == id; });
}

/// What the view says now, whenever it came to say so: of two changes of one record the order doesn't matter.
void GatewayCore::settle(const RecordKey& key) {
  const auto c = connectors_.find(key.connector);
  const auto* entry = c == connectors_.end() ? nullptr : c->second.client->view().find(key.uid);
  if (entry == nullptr) return drop_record(key);
  auto record = decode_record(key.connector, *entry);
  if (record) return take_record(std::move(*record));
  // What can't be understood can't grant: the old record goes, and the reason is told.
  drop_record(key);
  actions_.push_back(act::Alert{"records.damaged", record.error().message});
}

/// At most so many of the change.
void GatewayCore::settle_some(WaitingChange& change, std::size_t most) {
  const auto end = most < change.left() ? change.next + most : change.uids.size();
  while (change.next < end) settle({change.connector, change.uids[change.next++]});
}

void GatewayCore::settle_waiting_of(ConnectorId id) {
  for (auto& w : waiting_) {
    if (w.connector == id) settle_some(w, w.left());
  }
  std::erase_if(waiting_, [&](const WaitingChange& w) { return w.connector == id; });
}

/// Those first that have sessions open: what ends has to end soon.
void GatewayCore::sessions_first(WaitingChange& change) const {
  std::set<EndpointUid> busy;
  for (const auto& [leaf, places] : sessions_) {
    const auto slot = slots_.find(leaf);
    if (slot != slots_.end() && slot->second.owner.connector == change.connector) busy.insert(slot->second.owner.uid);
  }
  std::stable_partition(change.uids.begin(), change.uids.end(), [&](const EndpointUid& uid) { return busy.contains(uid); });
}

/// Each record waits once, however often a view changes meanwhile.
void GatewayCore::keep_waiting(WaitingChange change) {
  const auto other = std::find_if(waiting_.begin(), waiting_.end(), [&](const auto& w) { return w.connector == change.connector; });
  if (other != waiting_.end()) {
    change.uids.erase(change.uids.begin(), change.uids.begin() + static_cast<std::ptrdiff_t>(change.next));
    change.uids.insert(change.uids.end(), other->uids.begin() + static_cast<std::ptrdiff_t>(other->next), other->uids.end());
    std::sort(change.uids.begin(), change.uids.end());
    change.uids.erase(std::unique(change.uids.begin(), change.uids.end()), change.uids.end());
    change.next = 0;
    change.of_delta = false;  // several: there is no one time of theirs
    waiting_.erase(other);
    sessions_first(change);
  }
  waiting_.push_back(std::move(change));
}

void GatewayCore::on_view_changed(Now now, Connector& c, const fabric::ViewChanged& change, bool whole) {
  const auto before = actions_.size();
  WaitingChange all{c.settings.id, change.removed, 0, !change.snapshot, change.times, now};
  all.uids.insert(all.uids.end(), change.upserted.begin(), change.upserted.end());
  std::vector<std::uint32_t> fresh;
  if (change.tags) {
    const auto of_before = numbers_of(tags_, c.settings.id);
    // A record says which tags by their numbers: none of before may meet what these mean now.
    whole |= load_tags(c);
    settle_waiting_of(c.settings.id);
    const auto first = records_.lower_bound({c.settings.id, {}});
    const bool alone = first == records_.end() || first->first.connector != c.settings.id;
    for (const auto& [number, ignored] : numbers_of(tags_, c.settings.id)) {
      const auto held = of_before.find(number);
      if (held == of_before.end()) fresh.push_back(number);
      whole |= !alone && ignored && (held == of_before.end() || !held->second);
    }
  }
  if (!whole && all.uids.size() > at_once_) sessions_first(all);
  settle_some(all, whole ? all.left() : at_once_);
  // A record of before says nothing of tags that are new: policies that keep those out who have one must not pass over who waits.
  for (auto i = all.next; !fresh.empty() && i < all.uids.size(); ++i) {
    const auto held = records_.find({c.settings.id, all.uids[i]});
    if (held != records_.end()) held->second.unknown_tags.insert(held->second.unknown_tags.end(), fresh.begin(), fresh.end());
  }
  if (change.tags) {
    refresh_everything();
    actions_.push_back(act::TagsChanged{});
  }
  follow_resolver();
  if (all.of_delta) tell_slots_changed(now, before, change.times);
  if (all.left() > 0) keep_waiting(std::move(all));
}

void GatewayCore::set_at_once(std::size_t records) {
  at_once_ = records;
  resolver_.set_at_once(records);
}

void GatewayCore::go_on(Now now) {
  notice_standstill(now);
  resolver_.go_on(at_once_);
  std::optional<ConnectorId> done;
  if (!waiting_.empty()) {
    auto& change = waiting_.front();
    const auto before = actions_.size();
    settle_some(change, at_once_);
    if (change.of_delta) tell_slots_changed(change.arrived, before, change.times);
    if (change.left() == 0) {
      done = change.connector;
      waiting_.pop_front();
    }
  }
  follow_resolver();
  const auto c = done ? connectors_.find(*done) : connectors_.end();
  if (c != connectors_.end()) contact(now, c->second);
}

// ---- tags

/// True: a number that stood for one tag stands for another now.
bool GatewayCore::load_tags(Connector& c) {
  std::vector<TagInfo> tags;
  for (const auto& [id, bytes] : c.client->view().tags()) {
    if (auto tag = decode_tag(bytes)) {
      tags.push_back(std::move(*tag));
    } else {
      actions_.push_back(act::Alert{"tags.damaged", tag.error().message});
    }
  }
  const bool otherwise = tags_.means_otherwise(c.settings.id, tags);
  for (const auto& name : tags_.set_defined(c.settings.id, tags)) {
    actions_.push_back(act::Alert{"tags.too_many", fmt::format("{} finds no room: at most {} tags", name, kMaxTags)});
  }
  return otherwise;
}

/// Of the actions from `begin` on.
void GatewayCore::tell_slots_changed(Now now, std::size_t begin, const proto::ChangeTimes& times) {
  std::vector<Sha256> leaves;
  for (std::size_t i = begin; i < actions_.size(); ++i) {
    if (const auto* upsert = std::get_if<act::SlotUpsert>(&actions_[i])) leaves.push_back(upsert->slot.leaf);
    if (const auto* remove = std::get_if<act::SlotRemove>(&actions_[i])) leaves.push_back(remove->leaf);
  }
  if (!leaves.empty()) actions_.push_back(act::SlotsChanged{std::move(leaves), times, now});
}

}  // namespace postern::gateway
