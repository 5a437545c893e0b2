#include <algorithm>
#include <charconv>

#include <fmt/format.h>

#include "base/log.h"
#include "ems/core/impl.h"

namespace postern::ems {
namespace {

constexpr std::size_t kAuditsPerMinute = 60;
constexpr Seconds kPruneEvery{600};
constexpr Seconds kKeepChanges{30 * 24 * 3600};
constexpr Seconds kKeepAudit{365 * 24 * 3600};
constexpr std::size_t kPruneAtOnce = 5'000;
constexpr Millis kStoreAliveEvery{5'000};
constexpr Seconds kComeBackWithin{60};
constexpr Millis kStoodStill{15'000};  // ticks come each second

}  // namespace

EmsCore::Impl::Impl(Store& store, Random& random, EmsOptions options)
    : store_(store), random_(random), options_(std::move(options)) {
  built_in_.id = posture::kAllRegisteredClientsId;
  built_in_.definition = posture::all_registered_clients_definition();
  built_in_.updated_by = "ems";
}

Status EmsCore::Impl::start(Now now) {
  const auto position = store_.position();
  if (!position) return fail(position.error());
  epoch_ = position->epoch;
  revision_ = position->revision;
  if (auto ok = registry_.load(store_); !ok) return ok;
  std::map<std::string, std::string> rows = registry_.meta.all();
  if (!rows.contains(std::string(meta::kSerial))) {
    return fail(ErrorCode::kNotFound, "the store holds no EMS yet");
  }
  auto identity = read_identity(rows);
  if (!identity) return fail(identity.error());
  identity_ = std::move(*identity);
  unchanging_.serial = identity_->serial;
  unchanging_.tenant = identity_->tenant;
  unchanging_.version = options_.version;
  unchanging_.epoch = epoch_;
  unchanging_.started_at = now.wall;
  unchanging_.ems_root_pem = identity_->root_pem();
  unchanging_.root_key_sha256 = identity_->root_key_sha256();
  unchanging_.ztna_ca_pem = identity_->ztna_pem();
  if (auto ok = rebuild_engine(now, {}); !ok) return ok;
  std::optional<WallTime> alive;
  if (const auto row = rows.find(std::string(meta::kAliveAt)); row != rows.end()) {
    std::int64_t ms = 0;
    std::from_chars(row->second.data(), row->second.data() + row->second.size(), ms);
    alive = from_unix_ms(ms);
  }
  // Silence counts while the EMS ran; the time that it was away counts against nobody. The EMS's own facts are not
  // stored: they follow from the rows.
  for (const auto& [uid, e] : registry_.endpoints.all()) {
    const auto held = e.held;
    for (const auto id : e.classifications) {
      if (tag_by_id(id) == nullptr) forgotten_.try_emplace(id);
    }
    auto* quiet = registry_.endpoints.quietly(uid);
    // What an EMS took in whose clock was ahead is stored as it came.
    registry_.postures.hold_to(e.slot(), e.last_seen + e.excused, now);
    // Versions before this did not store since when it waits.
    if (e.acked_seq == 0 && !e.confirmed) quiet->confirmed = WallTime();
    settle(now, *quiet, {});
    quiet->held = held;
    if (!e.online) continue;
    // Else one that fell silent would stay online for as long as the EMS begins anew again and again. Last-seens are
    // stored with a delay, and everybody has a moment to come back.
    auto silent = alive ? *alive - e.last_seen - e.excused - options_.last_seen_interval : std::chrono::nanoseconds(0);
    silent = std::clamp<std::chrono::nanoseconds>(silent, std::chrono::nanoseconds(0),
                                                  std::max(Seconds(0), options_.offline_timeout - kComeBackWithin));
    heard_[uid] = now.mono - silent;
    deadlines_.emplace(heard_[uid] + options_.offline_timeout, uid);
  }
  if (alive && now.wall != *alive) excuse(now, now.wall - *alive);
  if (auto ok = set_tags(engine_.tags(), now); !ok) return ok;
  registry_.tags_loaded();
  for (const auto& [uid, e] : registry_.endpoints.all()) {
    judge_certificates(now, e);
    if (e.held.empty()) continue;
    std::erase_if(registry_.endpoints.quietly(uid)->held,
                  [&](const HeldTag& held) { return !registry_.postures.waits(e.slot(), held.tag); });
    for (const auto& held : e.held) judge_at(uid, held.until);
  }
  seen_at_ = now.mono + options_.last_seen_interval;
  prune_at_ = now.mono + kPruneEvery;
  follow_later();
  forget_gone_later();
  return {};
}

void EmsCore::Impl::after_input(Now now) {
  if (registry_.touched() >= options_.batch) flush(now);
}

void EmsCore::Impl::tick(Now now) {
  if (!identity_) return;
  wall_ = now.wall;
  std::size_t expired = 0;
  while (!deadlines_.empty() && deadlines_.begin()->first <= now.mono && expired < options_.batch) {
    const auto uid = deadlines_.begin()->second;
    deadlines_.erase(deadlines_.begin());
    const auto heard = heard_.find(uid);
    const auto* e = registry_.endpoints.find(uid);
    // It has said hello, and nothing since that would make it online.
    const bool waits = e != nullptr && !e->online && e->confirmed && session_of(uid) != nullptr;
    if (heard == heard_.end() || e == nullptr || !(e->online || waits)) {
      heard_.erase(uid);
      continue;
    }
    const auto due = heard->second + options_.offline_timeout;
    if (due > now.mono) {
      deadlines_.emplace(due, uid);
      continue;
    }
    ++expired;
    auto& edited = registry_.endpoints.edit(uid);
    edited.online = false;
    settle(now, edited, {});  // and again when the tag timeout is over
    // Looked at again: if this can't be stored now, it is tried again.
    deadlines_.emplace(now.mono + Seconds(5), uid);
    if (const auto* s = session_of(uid)) {
      agent_goodbye(s->id, proto::telemetry::kUnavailable, Millis(0), "nothing was heard within the offline timeout");
    }
  }
  if (now.mono >= seen_at_ || seen_.size() >= 100 * options_.batch) {
    // Some at a time, so that a large fleet's last-seens do not make one large transaction.
    std::size_t written = 0;
    while (!seen_.empty() && written++ < options_.batch) {
      const auto uid = *seen_.begin();
      seen_.erase(seen_.begin());
      registry_.restamp(uid);
    }
    if (seen_.empty()) seen_at_ = now.mono + options_.last_seen_interval;
  }
  // What a restart may excuse is the time after this, and no more: silence while the EMS ran counts.
  if (std::chrono::abs(now.wall - alive_stored_) >= kStoreAliveEvery && !read_only_) {
    alive_stored_ = now.wall;
    registry_.meta.edit(std::string(meta::kAliveAt)) = fmt::format("{}", to_unix_ms(now.wall));
  }
  // A machine that slept, or whose clock was set, heard nobody meanwhile.
  if (alive_at_ != WallTime() && std::chrono::abs(now.wall - alive_at_) > kStoodStill) excuse(now, now.wall - alive_at_);
  alive_at_ = now.wall;
  judge_due(now);
  give_up_questions(now.mono, std::nullopt);
  expire_risks(now);
  renew_telemetry_certificate(now);
  renew_web_certificate(now);
  if (read_only_ && now.mono >= probe_at_) {
    registry_.meta.edit(std::string(meta::kProbe)) = fmt::format("{}", to_unix_ms(now.wall));
  }
  if (now.mono >= prune_at_ && !read_only_) {
    prune_at_ = now.mono + kPruneEvery;
    if (auto ok = store_.prune(now.wall - kKeepChanges, now.wall - kKeepAudit, kPruneAtOnce); !ok) {
      hold_free(act::Alert{"store.prune", ok.error().message});
    }
  }
  if (now.mono - audit_minute_ >= Seconds(60)) {
    for (const auto& [user, budget] : audit_budgets_) {
      if (budget.left_out == 0) continue;
      audit(now, {"ems", ""}, "audit.limited", user,
            fmt::format("{} more {} within a minute", budget.left_out,
                        user.empty() ? "refusals" : "entries of this administrator"));
    }
    audit_minute_ = now.mono;
    audit_budgets_.clear();
  }
}

void EmsCore::Impl::audit(Now now, const Actor& actor, std::string action, std::string object, std::string detail) {
  audit_.push_back({0, now.wall, actor.name, actor.source, std::move(action), std::move(object), std::move(detail)});
}

void EmsCore::Impl::audit_limited(Now now, const Actor& actor, std::string action, std::string object,
                                  std::string detail, const std::string& user) {
  auto& budget = audit_budgets_[user];
  if (budget.written >= kAuditsPerMinute) {
    ++budget.left_out;
    return;
  }
  ++budget.written;
  audit(now, actor, std::move(action), std::move(object), std::move(detail));
}

EmsStatus EmsCore::Impl::status() const {
  if (!identity_) return {};
  EmsStatus out = unchanging_;
  out.revision = revision_;
  out.endpoints = registry_.endpoints.size();
  out.registered = registry_.counts().registered;
  out.online = registry_.counts().online;
  out.quarantined = registry_.counts().quarantined;
  out.telemetry_sessions = agents_.size();
  out.fabric_sessions = gateways_.size();
  for (const auto& [serial, d] : registry_.devices.all()) out.pending_devices += d.state == DeviceState::kPending;
  out.read_only = read_only_;
  out.store_error = store_error_;
  look_at_web_certificate();
  out.web_certificate = web_certificate_;
  return out;
}

// ---- The public face ------------------------------------------------------------------------------------------------

EmsCore::EmsCore(Store& store, Random& random, EmsOptions options)
    : impl_(std::make_unique<Impl>(store, random, std::move(options))) {}
EmsCore::~EmsCore() = default;

Status EmsCore::start(Now now) { return impl_->start(now); }

void EmsCore::set_public_addresses(std::vector<std::string> addresses) {
  impl_->options_.public_addresses = std::move(addresses);
}

const EmsIdentity* EmsCore::identity() const { return impl_->identity_ ? &*impl_->identity_ : nullptr; }

void EmsCore::shut_down(Now) {
  std::vector<SessionId> agents, gateways;
  for (const auto& [id, s] : impl_->agents_) agents.push_back(id);
  for (const auto& [id, s] : impl_->gateways_) gateways.push_back(id);
  constexpr std::string_view kWhy = "the EMS is shutting down";
  for (const auto id : agents) impl_->agent_goodbye(id, proto::telemetry::kShuttingDown, kComeBackSoon, kWhy);
  for (const auto id : gateways) impl_->gateway_goodbye(id, proto::telemetry::kShuttingDown, Millis(500), kWhy);
}

void EmsCore::telemetry_opened(Now now, SessionId session, const PeerCertificate& peer, IpAddress source) {
  impl_->telemetry_opened(now, session, peer, source);
}
void EmsCore::telemetry_frame(Now now, SessionId session, ByteView bytes) {
  impl_->telemetry_frame(now, session, bytes);
}
void EmsCore::telemetry_closed(Now, SessionId session) { impl_->drop_agent(session); }
void EmsCore::enrol(Now now, IpAddress source, ByteView request, std::function<void(Bytes)> done) {
  impl_->enrol(now, source, request, std::move(done));
}
void EmsCore::fabric_opened(Now now, SessionId session, const PeerCertificate& peer, IpAddress source) {
  impl_->fabric_opened(now, session, peer, source);
}
void EmsCore::fabric_frame(Now now, SessionId session, ByteView bytes) { impl_->fabric_frame(now, session, bytes); }
void EmsCore::fabric_closed(Now, SessionId session) {
  const auto it = impl_->gateways_.find(session);
  if (it == impl_->gateways_.end()) return;
  impl_->contacts_[it->second.serial] = it->second.last_contact;
  impl_->give_up_questions({}, session);
  impl_->gateways_.erase(it);
}
void EmsCore::tick(Now now) { impl_->tick(now); }
bool EmsCore::flush_wanted() const { return impl_->flush_wanted(); }
void EmsCore::flush(Now now) { impl_->flush(now); }
std::vector<act::Action> EmsCore::take_actions() { return std::exchange(impl_->actions_, {}); }

}  // namespace postern::ems
