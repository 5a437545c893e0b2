#include <algorithm>

#include <fmt/format.h>

#include "base/log.h"
#include "ems/core/impl.h"
#include "pki/certificate.h"

namespace postern::ems {

namespace fabric = proto::fabric_server;

void EmsCore::Impl::fabric_opened(Now now, SessionId id, const PeerCertificate& peer, IpAddress source) {
  auto& s = gateways_[id];
  s.id = id;
  s.source = source;
  s.last_contact = now.wall;
  const auto info = pki::parse_certificate(peer.leaf_der);
  if (!info || !valid_gateway_serial(info->subject_cn)) {
    log_warning("fabric.refused", "a client certificate without a gateway's serial number", {{"from", source.str()}});
    return gateway_goodbye(id, "refused", Millis(60'000), "the certificate does not name a gateway's serial number");
  }
  s.serial = GatewaySerial(info->subject_cn);
  s.key = info->public_key_sha256;
}

void EmsCore::Impl::fabric_frame(Now now, SessionId id, ByteView bytes) {
  const auto it = gateways_.find(id);
  if (it == gateways_.end()) return;
  auto& s = it->second;
  auto event = fabric::read_frame(bytes);
  const auto broken = [&](const std::string& what) {
    log_warning("fabric.protocol_error", what, {{"serial", s.serial.str()}, {"from", s.source.str()}});
    gateway_goodbye(id, "protocol_error", kComeBackSoon, what);
  };
  if (!event) return broken(event.error().message);
  s.last_contact = now.wall;
  if (const auto* hello = std::get_if<fabric::Hello>(&*event)) {
    if (s.helloed) return broken("a second hello");
    on_gateway_hello(now, s, *hello);
    return after_input(now);
  }
  if (!s.helloed) return broken("something before hello");
  if (const auto* ping = std::get_if<fabric::Ping>(&*event)) {
    return send_free(id, fabric::pong_frame(ping->id, revision_));
  }
  // What was under way when the authorisation was withdrawn is nobody's mistake.
  if (state_for(s) != fabric::State::kAuthorised) return;
  if (auto* subscribe = std::get_if<fabric::Subscribe>(&*event)) {
    s.subscribe = std::move(*subscribe);
    s.subscribed = false;
    s.asked.clear();
    for (const auto& uid : s.subscribe->asked) {
      if (registry_.endpoints.find(uid) != nullptr) s.asked.insert(uid);
    }
  } else if (const auto* interfaces = std::get_if<fabric::Interfaces>(&*event)) {
    on_interfaces(now, s, *interfaces);
  } else if (const auto* ask = std::get_if<fabric::Ask>(&*event)) {
    s.asks.push_back(*ask);
  } else if (const auto* released = std::get_if<fabric::Release>(&*event)) {
    if (s.asked.erase(released->uid) != 0) s.dirty.insert(released->uid);
  } else if (const auto* answer = std::get_if<fabric::WhatIfAnswer>(&*event)) {
    on_what_if_answer(s, *answer);
  } else if (const auto* sessions = std::get_if<fabric::Sessions>(&*event)) {
    s.report = GatewayReport{sessions->live, sessions->allowed,   sessions->denied, sessions->cut,
                             sessions->uncounted, sessions->since, now.wall};
  }
  after_input(now);
}

void EmsCore::Impl::on_gateway_hello(Now now, GatewaySession& s, const fabric::Hello& hello) {
  if (hello.serial != s.serial) {
    audit_limited(now, {"gateway " + s.serial.str(), s.source.str()}, "fabric.refuse", s.serial.str(),
                  "says that it is " + hello.serial.str());
    return gateway_goodbye(s.id, "refused", Millis(60'000), "the serial number in hello is not the certificate's");
  }
  s.helloed = true;
  const auto* known = registry_.devices.find(s.serial);
  if (known == nullptr) {
    const auto pending = std::ranges::count_if(
        registry_.devices.all(), [](const auto& d) { return d.second.state == DeviceState::kPending; });
    if (static_cast<std::size_t>(pending) >= kMaxPendingDevices) {
      return gateway_goodbye(s.id, "too_many_pending", Millis(60'000),
                             "too many fabric devices wait for authorisation on this EMS");
    }
  }
  // The same key has connected again: what is left of the connection before is dead.
  std::vector<SessionId> old;
  for (const auto& [id, other] : gateways_) {
    if (id != s.id && other.helloed && other.serial == s.serial && other.key == s.key) old.push_back(id);
  }
  for (const auto id : old) gateway_goodbye(id, "superseded", kComeBackSoon, "the gateway has connected again");

  auto& d = registry_.devices.edit(s.serial);
  if (known == nullptr) {
    d.serial = s.serial;
    d.first_seen = now.wall;
    audit(now, {"gateway " + s.serial.str(), s.source.str()}, "fabric_device.pending", s.serial.str(),
          "waits for authorisation");
  }
  const bool impostor = d.pinned_key && *d.pinned_key != s.key;
  if (impostor) {
    audit_limited(now, {"gateway " + s.serial.str(), s.source.str()}, "fabric_device.conflict", s.serial.str(),
                  "connects with another key than the one authorised");
    hold_free(act::Alert{"fabric.conflict", "gateway " + s.serial.str() + " connects from " + s.source.str() +
                                                " with another key than the one authorised"});
  }
  d.offered_key = s.key;
  if (!impostor) {
    d.host_name = hello.host_name;
    d.version = hello.version;
    d.management_url = hello.management_url;
    d.address = s.source;
  }
  tell_state(s);
}

void EmsCore::Impl::on_interfaces(Now, GatewaySession& s, const fabric::Interfaces& in) {
  std::vector<DeviceInterface> list;
  for (const auto& i : in.interfaces) list.push_back({i.name, i.mac, i.addresses});
  const auto* d = registry_.devices.find(s.serial);
  if (d == nullptr || d->interfaces == list) return;
  registry_.devices.edit(s.serial).interfaces = std::move(list);
  unanswered_.insert(s.id);
}

void EmsCore::Impl::gateway_goodbye(SessionId id, std::string_view reason, Millis retry_after, std::string_view text) {
  send_free(id, fabric::goodbye_frame(reason, retry_after, text));
  hold_free(act::Close{id, std::string(reason)});
  gateways_.erase(id);
}

fabric::State EmsCore::Impl::state_for(const GatewaySession& s) const {
  const auto* d = registry_.devices.find(s.serial);
  if (d == nullptr) return fabric::State::kPending;
  if (d->pinned_key && *d->pinned_key != s.key) return fabric::State::kConflict;
  switch (d->state) {
    case DeviceState::kAuthorised: return d->pinned_key ? fabric::State::kAuthorised : fabric::State::kPending;
    case DeviceState::kDenied: return fabric::State::kRefused;
    case DeviceState::kConflict: return fabric::State::kConflict;
    case DeviceState::kPending: return fabric::State::kPending;
  }
  return fabric::State::kRefused;
}

/// Held until the commit: "authorised" is data's beginning.
void EmsCore::Impl::tell_state(GatewaySession& s) {
  const auto state = state_for(s);
  if (s.told == state) return;
  s.told = state;
  if (state != fabric::State::kAuthorised) {
    s.subscribed = false;
    s.subscribe.reset();
    s.asks.clear();
    s.report.reset();
  }
  fabric::StatusInfo info;
  info.state = state;
  info.ems_serial = identity_->serial;
  info.tenant = identity_->tenant;
  info.version = options_.version;
  info.authorise_path = "/fabric-authorization?serial=" + s.serial.str();
  info.ztna_ca_der = identity_->ztna.certificate;
  info.ztna_ca_chain_der = {identity_->root.certificate};
  info.root_key_sha256 = identity_->root_key_sha256();
  send(s.id, fabric::status_frame(info));
}

ShareReasons EmsCore::Impl::share_reasons(const FabricDevice& d, const std::set<EndpointUid>& asked,
                                          const Endpoint& e) const {
  const auto behind = [&](const FabricDevice& device, const std::set<MacAddress>& gateways) {
    return std::ranges::any_of(device.interfaces,
                               [&](const auto& i) { return i.mac.valid() && gateways.contains(i.mac); });
  };
  ShareReasons why;
  // One that is revoked or deregistered stays with those who had it, as a record that refuses: they end its sessions by
  // that reason, and not as somebody whom nobody knows.
  why.asked = asked.contains(e.uid);
  const auto gateways = gateway_macs(e.fact(posture::keys::kRoutes));
  why.connected = behind(d, gateways);
  why.all = d.endpoint_sharing == EndpointSharing::kAll;
  if (d.endpoint_sharing == EndpointSharing::kSelected) {
    for (const auto& serial : d.selected) {
      const auto* other = registry_.devices.find(serial);
      if (other != nullptr && other->state == DeviceState::kAuthorised) why.selected |= behind(*other, gateways);
    }
  }
  return why;
}

std::optional<std::string> EmsCore::Impl::view_entry(const FabricDevice& d, const std::set<EndpointUid>& asked,
                                                     const EndpointUid& uid, ReadTags* read) const {
  const auto* e = registry_.endpoints.find(uid);
  if (e == nullptr || is_over(*e)) return std::nullopt;
  const auto why = share_reasons(d, asked, *e);
  if (!why.any()) return std::nullopt;
  struct Filter {
    const Impl* impl;
    const FabricDevice* device;
  } filter{this, &d};
  const RecordContext context{identity_->serial, identity_->tenant,
                              [](const void* c, posture::TagId id) {
                                const auto* f = static_cast<const Filter*>(c);
                                const auto* tag = f->impl->tag_by_id(id);
                                return tag != nullptr &&
                                       std::ranges::count(f->device->tag_kinds, tag->definition.kind) != 0;
                              },
                              &filter};
  return build_view_entry(*e, read != nullptr ? read->of(*e) : e->tags(), context, why);
}

std::set<EndpointUid> EmsCore::Impl::nearby(const FabricDevice& d, const std::set<EndpointUid>& asked) const {
  auto out = asked;
  const auto add_behind = [&](const FabricDevice& device) {
    for (const auto& i : device.interfaces) {
      if (!i.mac.valid()) continue;
      const auto& behind = registry_.behind(i.mac);
      out.insert(behind.begin(), behind.end());
    }
  };
  add_behind(d);
  if (d.endpoint_sharing == EndpointSharing::kSelected) {
    for (const auto& serial : d.selected) {
      if (const auto* other = registry_.devices.find(serial)) add_behind(*other);
    }
  }
  return out;
}

std::map<EndpointUid, std::string> EmsCore::Impl::whole_view(const FabricDevice& d,
                                                             const std::set<EndpointUid>& asked) const {
  std::map<EndpointUid, std::string> out;
  const auto add = [&](const EndpointUid& uid) {
    if (auto entry = view_entry(d, asked, uid)) out.emplace(uid, std::move(*entry));
  };
  if (d.endpoint_sharing == EndpointSharing::kAll) {
    for (const auto& [uid, e] : registry_.endpoints.all()) add(uid);
  } else {
    for (const auto& uid : nearby(d, asked)) add(uid);
  }
  return out;
}

std::optional<std::string> EmsCore::Impl::view_tag(const FabricDevice& d, posture::TagId id) const {
  const auto* tag = tag_by_id(id);
  // A disabled tag is not listed: the gateway then counts it as unknown, and a policy that forbids it goes on denying.
  if (tag == nullptr || !tag->definition.enabled || std::ranges::count(d.tag_kinds, tag->definition.kind) == 0) {
    return std::nullopt;
  }
  return build_tag_info(*tag);
}

std::map<std::uint32_t, std::string> EmsCore::Impl::view_tags(const FabricDevice& d) const {
  std::map<std::uint32_t, std::string> out;
  const auto add = [&](posture::TagId id) {
    if (auto info = view_tag(d, id)) out.emplace(id, std::move(*info));
  };
  add(built_in_.id);
  for (const auto& [id, tag] : registry_.tags.all()) add(id);
  return out;
}

proto::FabricPublisher& EmsCore::Impl::publisher(const GatewaySerial& serial) {
  return publishers_.try_emplace(serial, epoch_).first->second;
}

void EmsCore::Impl::publish_to(GatewaySession& s, const std::set<EndpointUid>& endpoints,
                               const std::set<posture::TagId>& tags, ReadTags& read) {
  const auto* d = registry_.devices.find(s.serial);
  const bool authorised = d != nullptr && state_for(s) == fabric::State::kAuthorised;
  if (!authorised || (!s.subscribed && !s.subscribe)) {
    // It gets everything when it subscribes; until then nothing is remembered for it.
    if (!authorised) s.subscribe.reset();
    s.whole = false;
    s.dirty.clear();
    s.asks.clear();
    return;
  }
  auto& p = publisher(s.serial);
  const auto emit = [&](std::vector<Bytes> frames) {
    for (auto& frame : frames) actions_.push_back(act::Send{s.id, std::move(frame)});
  };
  if (s.subscribe) {
    // What changed while it was away becomes one more step of its history; where it stands decides what is sent.
    p.replace(revision_, whole_view(*d, s.asked), view_tags(*d));
    emit(p.subscribe(*s.subscribe));
    s.subscribe.reset();
    s.subscribed = true;
  } else if (s.whole) {
    emit(p.replace(revision_, whole_view(*d, s.asked), view_tags(*d)));
  } else {
    proto::FabricPublisher::EntryChanges entries;
    for (const std::set<EndpointUid>* uids : {&endpoints, static_cast<const std::set<EndpointUid>*>(&s.dirty)}) {
      for (const auto& uid : *uids) {
        if (!entries.contains(uid)) entries.emplace(uid, view_entry(*d, s.asked, uid, &read));
      }
    }
    proto::FabricPublisher::TagChanges tag_changes;
    for (const auto id : tags) tag_changes.emplace(id, view_tag(*d, id));
    emit(p.update(revision_, entries, tag_changes, change_times_));
  }
  s.whole = false;
  s.dirty.clear();
  answer_asks(s);
}

void EmsCore::Impl::answer_asks(GatewaySession& s) {
  const auto* d = registry_.devices.find(s.serial);
  proto::FabricPublisher::EntryChanges entries;
  std::vector<Bytes> answers;
  for (const auto& ask : s.asks) {
    auto state = fabric::AnswerState::kUnknown;
    EndpointUid uid;
    const auto* owner = registry_.by_leaf(ask.leaf);
    const auto* e = owner == nullptr ? nullptr : registry_.endpoints.find(*owner);
    if (e != nullptr && ask.only_tell) {
      state = e->registered() ? fabric::AnswerState::kFound : fabric::AnswerState::kRevoked;
      uid = e->uid;
    } else if (e != nullptr && s.asked.size() >= fabric::kMaxAsked && !s.asked.contains(e->uid)) {
      state = e->registered() ? fabric::AnswerState::kBusy : fabric::AnswerState::kRevoked;
    } else if (e != nullptr) {
      // Who is revoked or deregistered gets a blocked record: the gateway then refuses with that reason.
      state = e->registered() ? fabric::AnswerState::kFound : fabric::AnswerState::kRevoked;
      uid = e->uid;
      s.asked.insert(uid);
      entries[uid] = view_entry(*d, s.asked, uid);
    }
    answers.push_back(fabric::answer_frame(ask.request_id, state, uid));
  }
  s.asks.clear();
  // The record first: "found" is only worth something if the gateway has it.
  for (auto& frame : publisher(s.serial).update(revision_, entries, {})) {
    actions_.push_back(act::Send{s.id, std::move(frame)});
  }
  for (auto& frame : answers) actions_.push_back(act::Send{s.id, std::move(frame)});
}

}  // namespace postern::ems
