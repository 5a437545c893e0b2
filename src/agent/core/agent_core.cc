#include "agent/core/agent_core.h"

#include <algorithm>
#include <utility>

#include "pki/authority.h"
#include "posture/fact_keys.h"
#include "posture/unknown_source.h"

namespace postern::agent {
namespace {

namespace keys = posture::keys;
namespace telemetry = proto::agent;

constexpr Seconds kLookAgain{3600};   // wall time may jump: look at least this often
constexpr Seconds kFirstPause{60};
constexpr const char* kSwitchedOff = "the profile's vulnerability scan is off";

/// Two thirds of its life are over.
WallTime renewal_time(const Enrolment& e) { return e.not_before + (e.not_after - e.not_before) / 3 * 2; }

}  // namespace

std::set<std::string> Wishes::arguments(std::string_view prefix) const {
  std::set<std::string> out;
  for (auto it = facts.lower_bound(std::string(prefix)); it != facts.end() && it->starts_with(prefix); ++it) {
    out.emplace(keys::argument_of(*it, prefix));
  }
  return out;
}

std::string_view registration_name(Registration registration) {
  switch (registration) {
    case Registration::kUnregistered: return "unregistered";
    case Registration::kRegistered: return "registered";
    case Registration::kDeregistered: return "deregistered";
  }
  return "";
}

AgentCore::AgentCore(Options options, Random& random) : options_(std::move(options)), random_(random) {}

void AgentCore::start(Now now, std::optional<Enrolment> enrolment, std::string reason, Wishes wishes) {
  reason_ = std::move(reason);
  if (!reason_.empty()) registration_ = Registration::kDeregistered;
  if (!enrolment) return;
  wishes_ = std::move(wishes);
  enrolment_ = std::move(enrolment);
  begin(now);
}

void AgentCore::enrolled(Now now, Enrolment enrolment) {
  wishes_ = {};
  enrolment_ = std::move(enrolment);
  begin(now);
}

void AgentCore::begin(Now now) {
  registration_ = Registration::kRegistered;
  reason_.clear();
  renewing_ = false;
  storing_.reset();
  renew_pause_ = Seconds(0);
  renew_error_.clear();
  client_ = std::make_unique<proto::TelemetryClient>(
      proto::TelemetryClient::Identity{enrolment_->uid, options_.agent_version, options_.boot_id}, random_,
      options_.telemetry);
  for (const auto& [key, fact] : facts_) put(key);
  actions_.push_back(act::WishesChanged{});
  if (wishes_.vulnerability_scan) actions_.push_back(act::InventoryWanted{});
  plan_renewal(now);
  client_->enable(now);
  pump(now);
}

void AgentCore::end(Registration registration, std::string reason) {
  registration_ = registration;
  reason_ = reason;
  enrolment_.reset();
  client_.reset();
  connected_since_.reset();
  renewing_ = false;
  storing_.reset();
  renew_at_ = MonoTime::max();
  renew_error_.clear();
  leave_until_ = MonoTime::max();
  std::erase_if(facts_, [this](const auto& fact) { return wishes_.facts.contains(fact.first) && !in_record(fact.first); });
  wishes_ = {};
  actions_.push_back(act::Forget{std::move(reason)});
  actions_.push_back(act::WishesChanged{});
  actions_.push_back(act::StateChanged{});
}

void AgentCore::deregister(Now now, bool force) {
  if (!registered() || leaving()) return;
  leave_until_ = now.mono + kLeavePatience;
  leave_forced_ = force;
  client_->leave(now);
  pump(now);
}

void AgentCore::leave_untold(Now now) {
  const auto error = last_error();
  const Status untold = fail(ErrorCode::kUnavailable, error.empty() ? "the EMS has not answered" : error);
  const bool perhaps = client_->said_leaving();
  if (leave_forced_) {
    client_->disable();
    pump(now);
    end(Registration::kUnregistered, "");
  } else {
    client_->stay();
    leave_until_ = MonoTime::max();
    pump(now);
  }
  actions_.push_back(act::Left{untold, perhaps});
}

void AgentCore::on_connected(Now now) {
  if (!client_) return;
  client_->on_connected(now);
  pump(now);
}

void AgentCore::on_frame(Now now, ByteView bytes) {
  if (!client_) return;
  client_->on_frame(now, bytes);
  pump(now);
}

void AgentCore::on_disconnected(Now now, std::string reason) {
  if (!client_) return;
  client_->on_disconnected(now, std::move(reason));
  pump(now);
}

void AgentCore::on_tick(Now now) {
  if (!client_) return;
  client_->on_tick(now);
  if (now.mono >= leave_until_) return leave_untold(now);
  if (now.mono >= renew_at_) {
    if (now.wall >= renewal_time(*enrolment_) && client_->connected() && !renewing_ && !leaving()) {
      renewing_ = true;
      client_->renew(pki::make_request(enrolment_->key));
    }
    plan_renewal(now);
  }
  pump(now);
}

MonoTime AgentCore::next_deadline() const {
  return client_ ? std::min({client_->next_deadline(), renew_at_, leave_until_}) : MonoTime::max();
}

void AgentCore::plan_renewal(Now now) {
  const auto left = std::chrono::ceil<Seconds>(renewal_time(*enrolment_) - now.wall);
  const auto least = std::max(renew_pause_, renewing_ || !connected() ? kFirstPause : Seconds(0));
  renew_at_ = now.mono + std::clamp(left, least, std::max(least, kLookAgain));
}

void AgentCore::renewal_failed(Now now, std::string why) {
  renewing_ = false;
  renew_error_ = "renewing the certificate: " + std::move(why);
  renew_pause_ = std::clamp(renew_pause_ * 2, kFirstPause, kLookAgain);
  plan_renewal(now);
  actions_.push_back(act::StateChanged{});
}

void AgentCore::stored(Now now, const Status& status) {
  auto next = std::exchange(storing_, std::nullopt);
  if (!client_ || !next) return;
  // The first use of the new certificate ends the old one at the EMS: not before the new one is safe.
  if (!status) return renewal_failed(now, status.error().message);
  enrolment_ = std::move(next);
  renewing_ = false;
  renew_pause_ = Seconds(0);
  renew_error_.clear();
  plan_renewal(now);
  client_->disable();
  client_->enable(now);
  pump(now);
}

void AgentCore::pump(Now now) {
  if (!client_) return;
  for (auto& action : client_->take_actions()) {
    if (std::holds_alternative<telemetry::Connect>(action)) {
      actions_.push_back(act::Connect{});
    } else if (auto* send = std::get_if<telemetry::Send>(&action)) {
      actions_.push_back(act::Send{std::move(send->bytes)});
    } else if (auto* gone = std::get_if<telemetry::Disconnect>(&action)) {
      actions_.push_back(act::Disconnect{std::move(gone->reason)});
    } else if (std::holds_alternative<telemetry::ProbesChanged>(action)) {
      take_probes();
    } else if (auto* chain = std::get_if<telemetry::Renewed>(&action)) {
      if (!renewing_) continue;
      auto next = *enrolment_;
      if (auto ok = adopt_chain(next, std::move(chain->chain_der)); !ok) {
        renewal_failed(now, ok.error().message);
      } else {
        storing_ = next;
        actions_.push_back(act::Store{std::move(next)});
      }
    } else if (auto* refused = std::get_if<telemetry::RenewalRefused>(&action)) {
      if (renewing_) renewal_failed(now, refused->message);
    } else if (auto* why = std::get_if<telemetry::Deregistered>(&action)) {
      const bool left = leaving();
      end(left ? Registration::kUnregistered : Registration::kDeregistered, left ? "" : why->message);
      if (left) actions_.push_back(act::Left{});
      return;  // the client is gone, and with it what it still wanted
    } else if (std::holds_alternative<telemetry::StateChanged>(action)) {
      take_profile();
      if (connected() != connected_since_.has_value()) {
        connected_since_ = connected() ? std::optional(now.wall) : std::nullopt;
        if (!connected()) renewing_ = false;  // its answer is lost; the EMS gives the same one again
        plan_renewal(now);
      }
      actions_.push_back(act::StateChanged{});
    }
  }
}

void AgentCore::take_probes() {
  Wishes next = wishes_;
  next.facts = {client_->probes().begin(), client_->probes().end()};
  if (next == wishes_) return;
  for (const auto& key : wishes_.facts) {
    if (!next.facts.contains(key) && !in_record(key)) drop(key);
  }
  wishes_ = std::move(next);
  actions_.push_back(act::WishesChanged{});
}

void AgentCore::take_profile() {
  // Before the profile has come, what the last one said holds.
  const auto& profile = client_->profile();
  if (profile.name.empty()) return;
  if (profile.vulnerability_scan == wishes_.vulnerability_scan &&
      profile.inventory_interval == wishes_.inventory_interval && profile.destinations == wishes_.destinations)
    return;
  const bool switched = profile.vulnerability_scan != wishes_.vulnerability_scan;
  wishes_.vulnerability_scan = profile.vulnerability_scan;
  wishes_.inventory_interval = profile.inventory_interval;
  wishes_.destinations = profile.destinations;
  actions_.push_back(act::WishesChanged{});
  if (!switched) return;
  for (const auto key : {keys::kFeatureVulnScan, keys::kVulnEngineVersion, keys::kInventoryHash}) {
    if (facts_.contains(key)) put(std::string(key));
  }
  if (wishes_.vulnerability_scan) {
    actions_.push_back(act::InventoryWanted{});
  } else {
    client_->clear_inventory();
  }
}

void AgentCore::put(const std::string& key) {
  if (!client_) return;
  auto fact = facts_.at(key);
  if (!wishes_.vulnerability_scan) {
    if (key == keys::kFeatureVulnScan) {
      fact.value = false;
      fact.source = kSwitchedOff;
    } else if (key == keys::kVulnEngineVersion || key == keys::kInventoryHash) {
      fact.value = posture::Unknown{posture::UnknownReason::kUnsupported};
      fact.source = kSwitchedOff;
    }
  }
  client_->set_fact(key, std::move(fact));
}

void AgentCore::drop(const std::string& key) {
  facts_.erase(key);
  if (client_) client_->remove_fact(key);
}

void AgentCore::set_family(const std::string& family, const posture::FactMap& facts) {
  auto& before = families_[family];
  std::set<std::string> now;
  for (const auto& [key, fact] : facts) {
    now.insert(key);
    facts_[key] = fact;
    put(key);
  }
  for (const auto& key : before) {
    if (!now.contains(key)) drop(key);
  }
  before = std::move(now);
}

void AgentCore::set_process(Now now, const std::string& name, bool running) {
  const auto key = keys::process_running(name);
  if (!wishes_.facts.contains(key)) return;
  facts_[key] = {running, now.wall, "/proc"};
  put(key);
}

void AgentCore::set_file(Now now, const std::string& path, posture::FactValue value, std::string_view why) {
  const auto key = keys::file_exists(path);
  if (!wishes_.facts.contains(key)) return;
  facts_[key] = {std::move(value), now.wall, posture::unknown_source(path, why)};
  put(key);
}

bool AgentCore::in_record(const std::string& key) const {
  return std::ranges::any_of(families_, [&](const auto& family) { return family.second.contains(key); });
}

void AgentCore::set_answers(const posture::FactMap& facts) {
  for (const auto& [key, fact] : facts) {
    if (!wishes_.facts.contains(key)) continue;
    facts_[key] = fact;
    put(key);
  }
}

void AgentCore::set_inventory(std::string text, WallTime collected_at) {
  if (client_ && wishes_.vulnerability_scan) client_->set_inventory(std::move(text), collected_at);
}

void AgentCore::flush(Now now) {
  if (!client_) return;
  client_->flush(now);
  pump(now);
}

const std::vector<proto::agent::Tag>& AgentCore::tags() const {
  static const std::vector<proto::agent::Tag> kNone;
  return client_ ? client_->tags() : kNone;
}

const proto::agent::Profile& AgentCore::profile() const {
  static const proto::agent::Profile kNone;
  return client_ ? client_->profile() : kNone;
}

std::string AgentCore::last_error() const {
  if (client_ && !client_->last_error().empty()) return client_->last_error();
  return renew_error_.empty() ? reason_ : renew_error_;
}

}  // namespace postern::agent
