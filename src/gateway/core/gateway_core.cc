#include "gateway/core/gateway_core.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "base/text.h"

namespace postern::gateway {

namespace fabric = proto::fabric;

GatewayCore::GatewayCore(proto::FabricIdentity identity, Random& random, proto::FabricClient::Options channel)
    : identity_(std::move(identity)), random_(random), channel_(channel) {}
GatewayCore::~GatewayCore() = default;

// ---- configuration

void GatewayCore::set_connectors(Now now, const std::vector<ConnectorSettings>& wanted) {
  std::set<ConnectorId> ids;
  for (const auto& settings : wanted) {
    ids.insert(settings.id);
    auto& c = connectors_[settings.id];
    if (!c.client) {
      c.client = std::make_unique<proto::FabricClient>(identity_, random_, channel_);
      c.client->set_interfaces(own_interfaces_);
    }
    const bool known = c.settings.id != 0;
    const bool other_server = c.settings.server != settings.server;
    const bool other_place = other_server || c.settings.port != settings.port;
    const bool decided = c.settings.expected_serial != settings.expected_serial ||
                         c.settings.expected_tenant != settings.expected_tenant;
    // Who answered so far, or did not, was somewhere else or not asked for: tried anew, below.
    if (known && (other_place || (decided && !c.client->connected()))) c.client->disable();
    if (other_place || decided) {
      c.mismatched_serial = c.mismatched_tenant = false;
      c.same_as = 0;
    }
    if (known && (other_server || (c.settings.enabled && !settings.enabled))) {
      c.client->disable();
      // Another server may be another EMS: nothing of the old one may go on granting. Another port is another way to
      // the same one: whoever answers there has to show the accepted certificate, and a mistyped one is an outage.
      forget_ems(c);
      c.valid_until.reset();
      c.trusted = c.trusted && !other_server;
    }
    if (c.valid_until && c.settings.out_of_sync_threshold != settings.out_of_sync_threshold) {
      // A shorter patience holds at once, also while the EMS is silent.
      *c.valid_until += settings.out_of_sync_threshold - c.settings.out_of_sync_threshold;
      actions_.push_back(act::ConnectorValid{settings.id, *c.valid_until});
    }
    c.settings = settings;
    const bool pinned = !settings.expected_serial.empty() || !settings.expected_tenant.empty();
    if (decided && pinned && c.client->connected()) identify(c);
    if (c.settings.enabled && c.trusted && !c.stopped()) c.client->enable(now);
    resolver_.set_stale(settings.id, c.stale);
    drain(now, c);
    actions_.push_back(act::ConnectorChanged{settings.id});
  }
  for (auto it = connectors_.begin(); it != connectors_.end();) {
    if (ids.contains(it->first)) {
      ++it;
      continue;
    }
    it->second.client->disable();
    forget_ems(it->second);
    drain(now, it->second);
    actions_.push_back(act::ConnectorChanged{it->first});
    it = connectors_.erase(it);
  }
  release_same(now);
  on_tick(now);
}

void GatewayCore::set_policy_tags(const std::set<std::string>& address_names) {
  for (const auto& name : tags_.set_used(address_names)) {
    actions_.push_back(act::Alert{"tags.too_many", fmt::format("{} finds no room: at most {} tags", name, kMaxTags)});
  }
  refresh_everything();
  actions_.push_back(act::TagsChanged{});
}

void GatewayCore::set_trusted(Now now, ConnectorId id, bool trusted) {
  const auto it = connectors_.find(id);
  if (it == connectors_.end() || it->second.trusted == trusted) return;
  auto& c = it->second;
  c.trusted = trusted;
  if (trusted && c.settings.enabled && !c.stopped()) {
    c.client->enable(now);
  } else if (!trusted) {
    c.client->disable();
  }
  drain(now, c);
  actions_.push_back(act::ConnectorChanged{id});
  release_same(now);
}

void GatewayCore::restore(ConnectorId id, std::uint64_t epoch, std::uint64_t revision, proto::View view,
                          MonoTime valid_until) {
  const auto it = connectors_.find(id);
  if (it == connectors_.end()) return;
  auto& c = it->second;
  fabric::ViewChanged change;
  change.snapshot = change.tags = true;
  for (const auto& [uid, entry] : view.entries()) change.upserted.push_back(uid);
  c.client->restore(epoch, revision, std::move(view));
  c.valid_until = valid_until;
  on_view_changed({}, c, change, true);
  for (const auto& [key, record] : records_) {
    if (key.connector == id && record.asked) c.client->keep_asked(key.uid);
  }
  actions_.push_back(act::ConnectorValid{id, valid_until});
}

// ---- the EMSs

void GatewayCore::on_connected(Now now, ConnectorId id) {
  const auto it = connectors_.find(id);
  if (it == connectors_.end()) return;
  it->second.client->on_connected(now);
  drain(now, it->second);
}

void GatewayCore::on_frame(Now now, ConnectorId id, ByteView bytes) {
  const auto it = connectors_.find(id);
  if (it == connectors_.end()) return;
  notice_standstill(now);
  it->second.client->on_frame(now, bytes);
  drain(now, it->second);
  contact(now, it->second);
}

void GatewayCore::on_disconnected(Now now, ConnectorId id, std::string reason) {
  const auto it = connectors_.find(id);
  if (it == connectors_.end()) return;
  it->second.client->on_disconnected(now, std::move(reason));
  drain(now, it->second);
}

void GatewayCore::forget(Now now, ConnectorId id) {
  const auto it = connectors_.find(id);
  if (it == connectors_.end()) return;
  auto& c = it->second;
  forget_ems(c);
  if (c.settings.enabled && c.trusted) c.client->enable(now);
  drain(now, c);
}

void GatewayCore::reconnect(Now now, ConnectorId id) {
  const auto it = connectors_.find(id);
  if (it == connectors_.end()) return;
  auto& c = it->second;
  c.client->disable();
  c.mismatched_serial = c.mismatched_tenant = false;
  c.same_as = 0;
  if (c.settings.enabled && c.trusted) c.client->enable(now);
  drain(now, c);
  actions_.push_back(act::ConnectorChanged{id});
}

void GatewayCore::forget_ems(Connector& c) {
  c.client->forget();
  c.mismatched_serial = c.mismatched_tenant = false;
  c.same_as = 0;
}

void GatewayCore::drain(Now now, Connector& c) {
  const auto id = c.settings.id;
  for (auto& action : c.client->take_actions()) {
    if (auto* send = std::get_if<fabric::Send>(&action)) {
      if (!c.stopped()) actions_.push_back(act::Send{id, std::move(send->bytes)});
    } else if (std::holds_alternative<fabric::Connect>(action)) {
      actions_.push_back(act::Connect{id});
    } else if (auto* bye = std::get_if<fabric::Disconnect>(&action)) {
      actions_.push_back(act::Disconnect{id, std::move(bye->reason)});
    } else if (std::holds_alternative<fabric::StatusChanged>(action)) {
      identify(c);
      actions_.push_back(act::ConnectorChanged{id});
    } else if (auto* change = std::get_if<fabric::ViewChanged>(&action)) {
      const auto before = actions_.size();
      on_view_changed(now, c, *change);
      act::SaveView save{id, std::move(change->upserted), change->snapshot || change->tags};
      save.touched.insert(save.touched.end(), change->removed.begin(), change->removed.end());
      // In front of what it leads to: whom the data plane lets in no more must not come back from what was kept before.
      actions_.insert(actions_.begin() + static_cast<std::ptrdiff_t>(before), std::move(save));
    } else if (auto* answer = std::get_if<fabric::Answer>(&action)) {
      on_answer(now, id, *answer);
    } else if (auto* question = std::get_if<fabric::WhatIf>(&action)) {
      actions_.push_back(act::WhatIf{id, std::move(*question)});
    }
  }
}

void GatewayCore::identify(Connector& c) {
  const auto& said = c.client->status();
  auto& pinned = c.settings;
  // What it said on a connection that has ended says nothing of who answers now.
  if (!c.client->connected() || said.ems_serial.empty() || c.stopped()) return;
  if (const auto* holder = holder_of(c, said.ems_serial, said.tenant)) {
    actions_.push_back(act::Alert{"connector.same_ems",
                                  fmt::format("EMS {} is the same as EMS {} ({}): an EMS takes one connector of a gateway; "
                                              "stopped until one of them is taken away or given another server",
                                              pinned.id, holder->settings.id, said.ems_serial.str())});
    actions_.push_back(act::Disconnect{pinned.id, "another connector has this EMS"});
    c.client->disable();
    forget_ems(c);
    c.same_as = holder->settings.id;
    return;
  }
  c.mismatched_serial = !pinned.expected_serial.empty() && said.ems_serial != pinned.expected_serial;
  c.mismatched_tenant =
      !pinned.expected_tenant.empty() && to_lower(said.tenant.str()) != to_lower(pinned.expected_tenant.str());
  if (!c.other_ems()) {
    if (!pinned.expected_serial.empty() && (!pinned.expected_tenant.empty() || said.tenant.empty())) return;
    pinned.expected_serial = said.ems_serial;
    if (pinned.expected_tenant.empty()) pinned.expected_tenant = said.tenant;
    actions_.push_back(act::PinEms{pinned.id, pinned.expected_serial, pinned.expected_tenant});
    return;
  }
  actions_.push_back(act::Alert{c.mismatched_serial ? "connector.mismatched_serial" : "connector.mismatched_tenant",
                                fmt::format("EMS {} answers with serial number {} and tenant {} instead of {} and {}: "
                                            "stopped until an administrator decides (execute fctems verify {})",
                                            pinned.id, said.ems_serial.str(), said.tenant.str(),
                                            pinned.expected_serial.str(), pinned.expected_tenant.str(), pinned.id)});
  actions_.push_back(act::Disconnect{pinned.id, "another EMS than the one known here"});
  c.client->disable();
}

bool GatewayCore::same_ems(const Connector& c, const EmsSerial& serial, const TenantId& tenant) const {
  return c.settings.enabled && c.trusted && !c.stopped() && !serial.empty() && c.settings.expected_serial == serial &&
         to_lower(c.settings.expected_tenant.str()) == to_lower(tenant.str());
}

const GatewayCore::Connector* GatewayCore::holder_of(const Connector& c, const EmsSerial& serial,
                                                     const TenantId& tenant) const {
  // Who was first: one that has met its EMS before goes before one that has not, and the lower number before the higher.
  const bool fresh = c.settings.expected_serial.empty();
  for (const auto& [id, other] : connectors_) {
    if (id != c.settings.id && (fresh || id < c.settings.id) && same_ems(other, serial, tenant)) return &other;
  }
  return nullptr;
}

/// Connectors that were stopped for another's sake go on once that one has their EMS no longer.
void GatewayCore::release_same(Now now) {
  for (auto& [id, c] : connectors_) {
    if (c.same_as == 0) continue;
    const auto other = connectors_.find(c.same_as);
    if (other != connectors_.end() && other->second.settings.enabled && other->second.trusted && !other->second.stopped() &&
        !other->second.settings.expected_serial.empty()) {
      continue;
    }
    c.same_as = 0;
    if (c.settings.enabled && c.trusted && !c.stopped()) c.client->enable(now);
    drain(now, c);
    actions_.push_back(act::ConnectorChanged{id});
  }
}

void GatewayCore::contact(Now now, Connector& c) {
  const auto& heard = c.client->last_contact();
  // What was heard counts once it is taken up: it may be that somebody who was let in is not any more.
  if (!c.client->synchronised() || !heard || waits_for(c.settings.id)) return;
  const auto until = heard->mono + c.settings.out_of_sync_threshold;
  // Each frame would move it; a step of a second is as good and spares the writes.
  if (!c.valid_until || until - *c.valid_until >= kRenewEvery) {
    c.valid_until = until;
    actions_.push_back(act::ConnectorValid{c.settings.id, until});
  }
  // After a standstill what comes first is what was sent long ago.
  if (c.stale && now.mono < *c.valid_until) {
    c.stale = false;
    resolver_.set_stale(c.settings.id, false);
    follow_resolver();
    actions_.push_back(act::ConnectorChanged{c.settings.id});
  }
}

// ---- time

void GatewayCore::notice_standstill(Now now) {
  const auto before = std::exchange(last_turn_, now.mono);
  if (!before || now.mono - *before <= kLease) return;
  resumed_at_ = now.mono;
  actions_.push_back(act::Alert{"gateway.resumed",
                                fmt::format("this program stood still for {} s: what depends on tags stays denied until "
                                            "the EMSs have been heard again, {} s at most",
                                            std::chrono::duration_cast<Seconds>(now.mono - *before).count(),
                                            kCatchUp.count())});
  for (auto& [id, c] : connectors_) {
    c.client->ping(now);
    drain(now, c);
  }
}

bool GatewayCore::caught_up(Now now) {
  if (!resumed_at_) return true;
  const auto waits = [&](const Connector& c) {
    const auto& heard = c.client->last_contact();
    // Without a contact it holds nothing that could grant.
    return c.settings.enabled && heard && heard->mono < *resumed_at_ && c.valid_until && now.mono < *c.valid_until;
  };
  const bool waiting = std::any_of(connectors_.begin(), connectors_.end(), [&](const auto& c) { return waits(c.second); });
  // What was heard may still be on its way to the slots.
  if ((waiting || unfinished()) && now.mono - *resumed_at_ < kCatchUp) return false;
  resumed_at_.reset();
  return true;
}

void GatewayCore::on_tick(Now now) {
  notice_standstill(now);
  for (auto& [id, c] : connectors_) {
    if (decisions_) {
      const auto& d = *decisions_;
      c.client->set_usage({live_sessions_, d.allowed, d.denied, d.cut, d.uncounted, counted_since_});
    }
    c.client->on_tick(now);
    drain(now, c);
    const bool valid = c.settings.enabled && c.valid_until && now.mono < *c.valid_until;
    if (c.stale != !valid) {
      c.stale = !valid;
      resolver_.set_stale(id, c.stale);
      follow_resolver();
      actions_.push_back(act::ConnectorChanged{id});
      if (c.stale) {
        actions_.push_back(act::Alert{"connector.stale",
                                      fmt::format("EMS {} has been out of reach for longer than its out-of-sync "
                                                  "threshold of {} s: its endpoints are denied",
                                                  id, c.settings.out_of_sync_threshold.count())});
      }
    }
  }
  for (auto it = pending_.begin(); it != pending_.end();) {
    if (now.mono < it->second.deadline) {
      ++it;
      continue;
    }
    actions_.push_back(act::Answer{it->first, CertificateVerdict::kUnavailable});
    it = pending_.erase(it);
  }
  if (now.mono >= next_asking_) {
    next_asking_ = now.mono + Seconds(1);
    for (auto& key : asking_again_.due(now.mono, resolver_)) actions_.push_back(act::AskNeighbour{std::move(key)});
  }
  if (now.mono < next_renewal_ || !caught_up(now)) return;
  next_renewal_ = now.mono + kRenewEvery;
  asks_this_second_ = 0;
  drop_over(now.wall);
  actions_.push_back(act::Lease{now.mono + kLease});
  std::erase_if(negatives_, [&](const auto& item) { return now.mono >= item.second; });
  for (auto& [id, c] : connectors_) {
    // Asked for before a restart: their ten minutes begin now.
    std::vector<EndpointUid> gone;
    for (const auto& uid : c.client->asked()) {
      const auto held = leaves_.find({id, uid});
      // What has no record any more is nothing to keep a place for, there and here.
      if (held == leaves_.end() && c.client->synchronised() && !waits_for(id) && !records_.contains({id, uid})) gone.push_back(uid);
      if (held == leaves_.end()) continue;
      for (const auto& leaf : held->second) uses_.try_emplace(leaf, Use{0, now.mono});
    }
    for (const auto& uid : gone) c.client->release(uid);
    if (!gone.empty()) drain(now, c);
  }
  for (auto it = uses_.begin(); it != uses_.end();) {
    if (it->second.sessions > 0 || now.mono - it->second.last < asking_.keep) {
      ++it;
      continue;
    }
    if (const auto slot = slots_.find(it->first); slot != slots_.end()) {
      const auto c = connectors_.find(slot->second.owner.connector);
      if (c != connectors_.end()) {
        c->second.client->release(slot->second.owner.uid);
        drain(now, c->second);
      }
    }
    it = uses_.erase(it);
  }
}

std::vector<act::Action> GatewayCore::take_actions() { return std::exchange(actions_, {}); }

}  // namespace postern::gateway
