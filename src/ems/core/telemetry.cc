#include <algorithm>

#include <fmt/format.h>

#include "base/log.h"
#include "ems/core/impl.h"
#include "pki/certificate.h"
#include "posture/fact_keys.h"

namespace postern::ems {
namespace {

namespace telemetry = proto::telemetry;
using proto::TelemetryServer;

constexpr std::size_t kMaxFactsPerEndpoint = 20'000;
constexpr std::size_t kMaxFactBytesPerEndpoint = 16u << 20;
constexpr std::chrono::hours kTurnsAreToldAgain{1};

}  // namespace

void EmsCore::Impl::telemetry_opened(Now now, SessionId id, const PeerCertificate& peer, IpAddress source) {
  auto& s = agents_[id];
  s.id = id;
  s.source = source;
  const auto refuse = [&](std::string_view reason, std::string text) {
    s.refusal = reason;
    s.refusal_text = std::move(text);
  };
  const auto info = pki::parse_certificate(peer.leaf_der);
  if (!info || !peer.verified) {
    audit_limited(now, {"agent", source.str()}, "telemetry.refuse", "", "a certificate that is not from this EMS");
    return refuse(telemetry::kRefused, "the client certificate is not valid here; enrol again");
  }
  s.uid = parse_endpoint_uid(info->subject_cn);
  s.leaf = info->sha256;
  const auto* owner = registry_.by_leaf(info->sha256);
  const auto* e = owner == nullptr ? nullptr : registry_.endpoints.find(*owner);
  const bool ended = e != nullptr && std::ranges::any_of(e->certificates, [&](const auto& c) { return c.sha256 == s.leaf && c.ends; });
  if (e == nullptr || e->uid != s.uid || ended) {
    return refuse(telemetry::kDeregistered, "this EMS has no endpoint with this certificate; enrol again");
  }
  if (!e->registered()) {
    audit_limited(now, {"agent " + e->uid.str(), source.str()}, "telemetry.refuse", e->uid.str(),
                  std::string(registration_name(e->registration)));
    return refuse(telemetry::kDeregistered, e->registration == Registration::kRevoked
                                                ? "the certificate was revoked; enrol again with a new key"
                                                : "the endpoint was deregistered; enrol again");
  }
}

void EmsCore::Impl::telemetry_frame(Now now, SessionId id, ByteView bytes) {
  const auto it = agents_.find(id);
  if (it == agents_.end()) return;
  auto& s = it->second;
  auto event = s.server.on_frame(bytes);
  if (!event) {
    log_warning("telemetry.protocol_error", event.error().message, {{"uid", s.uid.str()}, {"from", s.source.str()}});
    return agent_goodbye(id, telemetry::kProtocolError, kComeBackSoon, event.error().message);
  }
  if (const auto* hello = std::get_if<telemetry::Hello>(&*event)) {
    on_hello(now, s, *hello);
    return after_input(now);
  }
  const auto* e = registry_.endpoints.find(s.uid);
  if (e == nullptr || !e->registered()) return;  // its goodbye is on the way
  if (std::holds_alternative<telemetry::Deregister>(*event)) return on_deregister(now, s);
  // Whatever else comes from a run that reported before comes after what had changed: all else is as it was.
  const bool confirms = e->confirmed && e->acked_seq != 0 && !std::holds_alternative<telemetry::Report>(*event);
  if (confirms) {
    is_there(now, s.uid);
  } else if (!e->confirmed) {
    heard(now, s.uid);
  }
  if (const auto* report = std::get_if<telemetry::Report>(&*event)) {
    on_report(now, s, *report);
  } else if (const auto* offer = std::get_if<telemetry::InventoryOffer>(&*event)) {
    on_offer(now, s, offer->hash);
  } else if (const auto* inventory = std::get_if<telemetry::Inventory>(&*event)) {
    on_inventory(now, s, *inventory);
  } else if (const auto* keepalive = std::get_if<telemetry::Keepalive>(&*event)) {
    send_free(id, TelemetryServer::keepalive_ack(keepalive->seq));
  } else if (const auto* renew = std::get_if<telemetry::Renew>(&*event)) {
    on_renew(now, s, renew->csr_der);
  }
  after_input(now);
}

void EmsCore::Impl::on_hello(Now now, AgentSession& s, const telemetry::Hello& hello) {
  if (s.refusal.empty() && hello.uid != s.uid) {
    audit_limited(now, {"agent " + s.uid.str(), s.source.str()}, "telemetry.refuse", s.uid.str(),
                  "says that it is " + hello.uid.str());
    s.refusal = telemetry::kRefused;
    s.refusal_text = "the UID in hello is not the certificate's";
  }
  // What held when the connection opened may have ended since.
  const auto* known = registry_.endpoints.find(s.uid);
  const bool holds = known != nullptr && known->registered() &&
                     std::ranges::any_of(known->certificates, [&](const auto& c) { return c.sha256 == s.leaf && !c.ends; });
  if (s.refusal.empty() && !holds) {
    s.refusal = telemetry::kDeregistered;
    s.refusal_text = "the endpoint is not registered with this certificate any more; enrol again";
  }
  if (!s.refusal.empty()) {
    return agent_goodbye(s.id, s.refusal, Millis(60'000), s.refusal_text);
  }
  if (const auto old = current_.find(s.uid); old != current_.end() && old->second != s.id) {
    agent_goodbye(old->second, telemetry::kSuperseded, kComeBackSoon, "the endpoint has connected again");
  }
  current_[s.uid] = s.id;
  auto& e = registry_.endpoints.edit(s.uid);
  // The first use of the newer certificate ends the older one: here at once, at gateways soon.
  if (e.certificates.front().sha256 == s.leaf) supersede_certificates(now, e);
  const bool continues = e.run_id == hello.run_id && hello.run_id != 0 && e.acked_seq != 0 &&
                         hello.last_acked_seq <= e.acked_seq && hello.last_acked_seq != 0;
  // That it is there again confirms nothing of what it said before: what changed meanwhile comes after the welcome. Nor
  // do runs that report nothing, however many come one after another.
  if (!e.confirmed) e.confirmed = e.last_seen + e.excused;
  notice_turns(now, s, e.run_id, hello.run_id);
  if (!continues) {
    e.run_id = hello.run_id;
    e.acked_seq = 0;
  }
  e.public_ip = s.source;
  e.last_seen = now.wall;
  e.excused = Millis(0);
  // Nor is it online by that, or any longer than it would be without. Who says nothing more is let go of.
  if (!e.online && heard_.insert_or_assign(s.uid, now.mono).second) {
    deadlines_.emplace(now.mono + options_.offline_timeout, s.uid);
  }
  settle(now, e, {});
  send(s.id, s.server.welcome({identity_->serial, identity_->tenant, options_.keepalive, now.wall},
                              continues ? hello.last_acked_seq : 0, !continues));
  s.sent_probes = hello.probes_version;
  s.sent_profile.clear();
  send_profile(s);
  send_probes(s);
  // The tags follow the commit: publish sends them.
}

/// A run that comes back after another one: two machines have this endpoint's key, as of an image that was copied.
void EmsCore::Impl::notice_turns(Now now, const AgentSession& s, std::uint64_t last_run, std::uint64_t run) {
  if (run == 0 || run == last_run) return;
  auto& before = runs_before_[s.uid];
  const bool again = before.run == run;
  before.run = last_run;
  if (!again || (before.told && now.mono - *before.told < kTurnsAreToldAgain)) return;
  before.told = now.mono;
  const std::string why = "two machines take turns as this endpoint, with copies of one key: deregister it, and enrol each anew";
  log_warning("telemetry.copied", why, {{"uid", s.uid.str()}, {"from", s.source.str()}});
  audit_limited(now, {"agent " + s.uid.str(), s.source.str()}, "telemetry.copied", s.uid.str(), why);
}

void EmsCore::Impl::on_report(Now now, AgentSession& s, const telemetry::Report& report) {
  // Beside what is known: a report is taken whole or not at all.
  const auto& known = *registry_.endpoints.find(s.uid);
  std::map<std::string, std::optional<posture::Fact>, std::less<>> wanted;
  if (report.full) {
    for (const auto key : registry_.postures.keys(known.slot())) {
      if (!key.starts_with(posture::keys::kEmsPrefix)) wanted.emplace(key, std::nullopt);
    }
  }
  for (const auto& key : report.removed) wanted.insert_or_assign(key, std::nullopt);
  for (const auto& [key, fact] : report.facts) {
    auto& kept = wanted[key] = fact;
    // By an endpoint's clock that is ahead it would stay fresh for ever.
    kept->collected_at = std::min(kept->collected_at, now.wall);
  }
  auto count = registry_.postures.fact_count(known.slot()), bytes = registry_.postures.bytes(known.slot());
  std::vector<std::string> changed;
  std::vector<PostureTable::Edit> edits;
  proto::ChangeTimes times{{}, now.wall};
  for (auto& [key, fact] : wanted) {
    const auto was = known.fact(key);
    if (was == fact) continue;
    if (!was || !fact || was->value != fact->value) {
      changed.push_back(key);
      if (fact) times.join({fact->collected_at, {}});
    }
    if (was) bytes -= std::min(bytes, fact_bytes(key, *was));
    if (fact) bytes += fact_bytes(key, *fact);
    if (fact) ++count;
    if (was) --count;
    edits.push_back({key, std::move(fact)});
  }
  const auto refuse = [&](std::string_view event, const std::string& what, std::size_t most) {
    const auto why = fmt::format("with this report {}; at most {} are taken, and nothing of it was: let fewer probes be asked "
                                 "for, or the agent report less",
                                 what, most);
    log_warning(event, why, {{"uid", s.uid.str()}});
    agent_goodbye(s.id, telemetry::kProtocolError, Millis(60'000), why);
  };
  if (count > kMaxFactsPerEndpoint) {
    return refuse("telemetry.too_many_facts", fmt::format("the endpoint would have {} facts", count), kMaxFactsPerEndpoint);
  }
  if (bytes > kMaxFactBytesPerEndpoint) {
    return refuse("telemetry.too_large_facts", fmt::format("the endpoint's facts would take {} bytes", bytes),
                  kMaxFactBytesPerEndpoint);
  }
  auto& e = registry_.endpoints.edit(s.uid);
  const bool confirms = e.confirmed || e.acked_seq == 0;
  e.acked_seq = report.seq;
  e.confirmed.reset();
  e.online = true;
  e.last_seen = now.wall;
  heard(now, s.uid);
  registry_.postures.change(e.slot(), edits, now);
  if (!changed.empty()) change_times_[s.uid].join(times);
  confirms ? settle(now, e, std::move(changed)) : settle_reported(now, e, std::move(changed));
  send(s.id, TelemetryServer::ack(report.seq));
}

void EmsCore::Impl::on_offer(Now now, AgentSession& s, const Sha256& hash) {
  if (!registry_.has_inventory(hash)) return send_free(s.id, s.server.want_inventory(hash));
  take_inventory(now, s, hash);
}

void EmsCore::Impl::on_inventory(Now now, AgentSession& s, const telemetry::Inventory& inventory) {
  if (!registry_.has_inventory(inventory.hash)) {
    registry_.inventories.edit(to_hex_lower(inventory.hash)) = inventory.zlib;
  }
  take_inventory(now, s, inventory.hash);
}

void EmsCore::Impl::take_inventory(Now now, AgentSession& s, const Sha256& hash) {
  auto& e = registry_.endpoints.edit(s.uid);
  unanswered_.insert(s.id);
  // The same one again is as good as a new one: it says that nothing else is installed by now.
  const bool matched = e.inventory == hash && e.vulnerabilities;
  e.inventory = hash;
  e.inventory_received_at = now.wall;
  if (!matched) match(now, e);
  settle(now, e, {});
}

void EmsCore::Impl::on_renew(Now now, AgentSession& s, const Bytes& csr) {
  const auto refuse = [&](const Error& error) { send_free(s.id, TelemetryServer::renewal_refused(error)); };
  const auto key = pki::request_public_key(csr);
  if (!key) return refuse(key.error());
  const auto* owner = registry_.by_key(*key);
  if (owner != nullptr && owner->uid != s.uid) {
    return refuse({ErrorCode::kConflict, "another endpoint has this key; make a new one"});
  }
  auto& e = registry_.endpoints.edit(s.uid);
  // Asked again because the answer was lost: the same answer.
  if (e.certificates.size() > 1 && e.certificates.front().key_sha256 == *key && e.certificates.front().sha256 != s.leaf) {
    return send(s.id, TelemetryServer::renewed(chain(e.certificates.front().der)));
  }
  auto issued = issue(now, s.uid, csr);
  if (!issued) return refuse(issued.error());
  std::vector<IssuedCertificate> kept{*issued};
  for (auto& c : e.certificates) {
    if (c.sha256 == s.leaf) kept.push_back(c);
  }
  e.certificates = std::move(kept);
  audit(now, {"agent " + s.uid.str(), s.source.str()}, "certificate.renew", s.uid.str(), issued->serial.str());
  send(s.id, TelemetryServer::renewed(chain(issued->der)));
}

void EmsCore::Impl::on_deregister(Now now, const AgentSession& s) {
  // Its goodbye follows the commit: gateways are told before it is.
  unanswered_.insert(s.id);
  end_registration(now, {"agent " + s.uid.str(), s.source.str()}, EndpointUid(s.uid), Registration::kDeregistered, nullptr);
}

void EmsCore::Impl::is_there(Now now, const EndpointUid& uid) {
  auto& e = registry_.endpoints.edit(uid);
  e.confirmed.reset();
  e.online = true;
  heard(now, uid);
  settle(now, e, {});
}

void EmsCore::Impl::heard(Now now, const EndpointUid& uid) {
  const auto [it, fresh] = heard_.insert_or_assign(uid, now.mono);
  if (fresh) deadlines_.emplace(now.mono + options_.offline_timeout, uid);
  if (auto* e = registry_.endpoints.quietly(uid)) {
    e->last_seen = now.wall;
    e->excused = Millis(0);
    seen_.insert(uid);
    if (confirm(now, *e)) rejudge(now, registry_.endpoints.edit(uid));
  }
}

void EmsCore::Impl::agent_goodbye(SessionId id, std::string_view reason, Millis retry_after, std::string_view text) {
  send_free(id, TelemetryServer::goodbye(reason, retry_after, text));
  hold_free(act::Close{id, std::string(reason)});
  drop_agent(id);
}

void EmsCore::Impl::drop_agent(SessionId id) {
  const auto it = agents_.find(id);
  if (it == agents_.end()) return;
  if (const auto c = current_.find(it->second.uid); c != current_.end() && c->second == id) current_.erase(c);
  agents_.erase(it);
}

EmsCore::Impl::AgentSession* EmsCore::Impl::session_of(const EndpointUid& uid) {
  const auto c = current_.find(uid);
  if (c == current_.end()) return nullptr;
  const auto it = agents_.find(c->second);
  return it == agents_.end() ? nullptr : &it->second;
}

const Profile& EmsCore::Impl::profile_of(const Endpoint& e) const {
  static const Profile kNone{std::string(kDefaultProfile), false, true, Seconds(3600), ""};
  if (const auto* p = registry_.profiles.find(e.profile)) return *p;
  const auto* p = registry_.profiles.find(std::string(kDefaultProfile));
  return p == nullptr ? kNone : *p;
}

void EmsCore::Impl::send_probes(AgentSession& s) {
  const auto* e = registry_.endpoints.find(s.uid);
  if (e == nullptr) return;
  const auto& list = required_facts(*e);
  if (list.version == s.sent_probes) return;
  s.sent_probes = list.version;
  send(s.id, TelemetryServer::probes(list.version, list.keys));
}

void EmsCore::Impl::send_profile(AgentSession& s) {
  const auto* e = registry_.endpoints.find(s.uid);
  if (e == nullptr) return;
  const auto& p = profile_of(*e);
  const auto destinations = p.destinations.empty() ? std::string() : proto::print_ztna_destinations(p.destinations);
  auto text = fmt::format("{}\n{}\n{}\n{}\n{}", p.name, p.show_tags, p.vulnerability_scan, p.inventory_interval.count(), destinations);
  if (text == s.sent_profile) return;
  s.sent_profile = std::move(text);
  send(s.id, TelemetryServer::profile({p.name, p.show_tags, p.vulnerability_scan, p.inventory_interval, destinations}));
}

void EmsCore::Impl::send_tags(AgentSession& s, ReadTags& read) {
  const auto* e = registry_.endpoints.find(s.uid);
  if (e == nullptr) return;
  std::vector<telemetry::TagStateEntry> tags;
  const bool show = profile_of(*e).show_tags;
  std::string said = show ? "show\n" : "hide\n";
  if (e->quarantined) said += "quarantined\n";
  const auto add = [&](posture::TagId id, bool unknown) {
    const auto* tag = tag_by_id(id);
    if (tag == nullptr) return;
    tags.push_back({tag->definition.name.str(), tag->definition.message, unknown});
    said += tag->definition.name.str() + '\n' + tag->definition.message + (unknown ? "\n?\n" : "\n!\n");
  };
  const auto& carried = read.of(*e);
  for (const auto id : carried.has()) add(id, false);
  for (const auto id : carried.unknown()) add(id, true);
  if (said == s.sent_tags) return;
  s.sent_tags = std::move(said);
  actions_.push_back(act::Send{s.id, TelemetryServer::tag_state(tags, show, e->quarantined, revision_)});
}

}  // namespace postern::ems
