#include "proto/telemetry_client.h"

#include <algorithm>
#include <utility>

#include "posture/fact_keys.h"
#include "proto/deflate.h"
#include "proto/fact_codec.h"
#include "proto/serialize.h"
#include "wire/telemetry.pb.h"

namespace postern::proto {
namespace {

constexpr std::size_t kFactsPerReport = 4096;      // the EMS takes twice as many
constexpr std::size_t kBytesPerReport = 1u << 20;  // far below what a frame may have
constexpr std::size_t kMaxTags = 4096;
constexpr Seconds kConnectTime{60};                // longer than any connection attempt takes
constexpr Seconds kWelcomeTime{20};

}  // namespace

TelemetryClient::TelemetryClient(Identity identity, Random& random, Options options)
    : identity_(std::move(identity)), random_(random), options_(options), backoff_(options.backoff_min),
      keepalive_(options.default_keepalive) {
  // Zero would read as "no run".
  run_id_ = random_.next_u64() | 1;
}

void TelemetryClient::enable(Now now) {
  if (phase_ != Phase::kOff || deregistered_) return;
  phase_ = Phase::kConnecting;
  backoff_ = options_.backoff_min;
  last_frame_ = now.mono;
  actions_.push_back(agent::Connect{});
}

void TelemetryClient::disable() {
  if (phase_ == Phase::kOff) return;
  if (phase_ != Phase::kWaiting) actions_.push_back(agent::Disconnect{"disabled"});
  phase_ = Phase::kOff;
  welcomed_ = false;
  requeue();
  actions_.push_back(agent::StateChanged{});
}

void TelemetryClient::send(const wire::TelemetryFrame& frame) {
  actions_.push_back(agent::Send{serialize(frame)});
}

void TelemetryClient::on_connected(Now now) {
  if (phase_ != Phase::kConnecting) return;
  phase_ = Phase::kOpen;
  last_frame_ = now.mono;
  wire::TelemetryFrame frame;
  auto& hello = *frame.mutable_hello();
  hello.set_agent_version(identity_.agent_version);
  hello.set_boot_id(identity_.boot_id);
  hello.set_last_acked_seq(acked_seq_);
  hello.set_probes_version(probes_version_);
  hello.set_run_id(run_id_);
  hello.set_uid(identity_.uid.str());
  send(frame);
}

void TelemetryClient::on_disconnected(Now now, std::string reason) {
  if (phase_ == Phase::kOff || phase_ == Phase::kWaiting) return;
  last_error_ = std::move(reason);
  schedule_reconnect(now, std::chrono::milliseconds(0));
  actions_.push_back(agent::StateChanged{});
}

void TelemetryClient::requeue() {
  for (auto& [seq, keys] : unacked_) {
    for (const auto& key : keys) (facts_.contains(key) ? changed_ : removed_).insert(key);
  }
  unacked_.clear();
  seq_ = acked_seq_;  // numbers have no gaps: what went unacknowledged is sent again under its number
}

void TelemetryClient::schedule_reconnect(Now now, std::chrono::milliseconds at_least) {
  phase_ = Phase::kWaiting;
  welcomed_ = false;
  requeue();
  const auto half = std::max<std::int64_t>(1, backoff_.count() / 2);
  const std::chrono::milliseconds wait(half +
                                       static_cast<std::int64_t>(random_.below(static_cast<std::uint64_t>(half) + 1)));
  reconnect_at_ = now.mono + std::max(wait, at_least);
  backoff_ = std::min(backoff_ * 2, options_.backoff_max);
}

void TelemetryClient::drop(Now now, std::string why) {
  actions_.push_back(agent::Disconnect{why});
  on_disconnected(now, std::move(why));
}

MonoTime TelemetryClient::silent_at() const {
  if (phase_ == Phase::kConnecting) return last_frame_ + kConnectTime;
  // Two intervals without a word: the way is gone, whatever TCP believes.
  return last_frame_ + (welcomed_ ? 2 * keepalive_ : kWelcomeTime);
}

MonoTime TelemetryClient::next_deadline() const {
  switch (phase_) {
    case Phase::kOff: return MonoTime::max();
    case Phase::kWaiting: return reconnect_at_;
    case Phase::kConnecting: return silent_at();
    case Phase::kOpen: return welcomed_ ? std::min(next_keepalive_, silent_at()) : silent_at();
  }
  return MonoTime::max();
}

void TelemetryClient::on_tick(Now now) {
  if (phase_ == Phase::kWaiting && now.mono >= reconnect_at_) {
    phase_ = Phase::kConnecting;
    last_frame_ = now.mono;
    actions_.push_back(agent::Connect{});
    return;
  }
  if (phase_ == Phase::kOff || phase_ == Phase::kWaiting) return;
  if (now.mono >= silent_at()) {
    drop(now, "no answer from the EMS");
    return;
  }
  if (welcomed_ && now.mono >= next_keepalive_) keep_alive(now);
}

void TelemetryClient::keep_alive(Now now) {
  next_keepalive_ = now.mono + keepalive_;
  wire::TelemetryFrame frame;
  frame.mutable_keepalive()->set_seq(++keepalive_seq_);
  send(frame);
}

void TelemetryClient::set_fact(const std::string& key, posture::Fact fact) {
  const auto it = facts_.find(key);
  if (key.empty() || key.size() > kMaxFactKey) return;  // nobody would take it; probes are checked when they come
  if (!within_bounds(fact)) fact.value = posture::Unknown{posture::UnknownReason::kFailed};
  if (it != facts_.end() && it->second.value == fact.value) return;
  facts_[key] = std::move(fact);
  removed_.erase(key);
  changed_.insert(key);
}

void TelemetryClient::remove_fact(const std::string& key) {
  if (facts_.erase(key) == 0) return;
  changed_.erase(key);
  removed_.insert(key);
}

void TelemetryClient::flush(Now now) {
  if (!welcomed_ || leaving_ || (changed_.empty() && removed_.empty() && !full_wanted_)) return;
  (void)now;
  const bool full = std::exchange(full_wanted_, false);
  if (full) {
    for (const auto& [key, fact] : facts_) changed_.insert(key);
    removed_.clear();
  }
  bool first = true;
  do {
    wire::TelemetryFrame frame;
    auto& report = *frame.mutable_report();
    report.set_seq(++seq_);
    // Only the first piece may say "nothing else exists"; the rest add to it.
    report.set_full(full && first);
    auto& keys = unacked_[seq_];
    std::size_t bytes = 0;
    for (std::size_t n = 0; n < kFactsPerReport && bytes < kBytesPerReport && !changed_.empty(); ++n) {
      const auto key = changed_.extract(changed_.begin()).value();
      auto& out = *report.add_facts();
      encode_fact(key, facts_.at(key), out);
      bytes += out.ByteSizeLong();
      keys.insert(key);
    }
    for (std::size_t n = 0; n < kFactsPerReport && !removed_.empty(); ++n) {
      auto key = removed_.extract(removed_.begin()).value();
      report.add_removed(key);
      keys.insert(std::move(key));
    }
    send(frame);
    first = false;
  } while (!changed_.empty() || !removed_.empty());
}

void TelemetryClient::set_inventory(std::string text, WallTime collected_at) {
  inventory_at_ = collected_at;
  inventory_hash_ = sha256(text);
  inventory_ = std::move(text);
  if (welcomed_) offer_inventory();
}

void TelemetryClient::clear_inventory() {
  inventory_.clear();
  inventory_hash_ = {};
}

void TelemetryClient::offer_inventory() {
  if (inventory_.empty()) return;
  wire::TelemetryFrame frame;
  frame.mutable_inventory_offer()->set_hash(to_text(inventory_hash_));
  frame.mutable_inventory_offer()->set_collected_at_ms(to_unix_ms(inventory_at_));
  send(frame);
}

void TelemetryClient::renew(Bytes csr_der) {
  if (!welcomed_) return;
  wire::TelemetryFrame frame;
  frame.mutable_renew_request()->set_csr_der(to_text(csr_der));
  send(frame);
}

void TelemetryClient::leave(Now now) {
  leaving_ = true;
  if (welcomed_) return say_leaving();
  if (phase_ != Phase::kWaiting) return;
  reconnect_at_ = now.mono;
  backoff_ = options_.backoff_min;
}

void TelemetryClient::say_leaving() {
  said_leaving_ = true;
  wire::TelemetryFrame frame;
  frame.mutable_deregister();
  send(frame);
}

std::vector<agent::Action> TelemetryClient::take_actions() { return std::exchange(actions_, {}); }

void TelemetryClient::on_frame(Now now, ByteView bytes) {
  if (phase_ != Phase::kOpen) return;
  wire::TelemetryFrame frame;
  if (!frame.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    drop(now, "the EMS sent a damaged frame");
    return;
  }
  last_frame_ = now.mono;
  handle(now, frame);
}

void TelemetryClient::handle(Now now, const wire::TelemetryFrame& frame) {
  switch (frame.kind_case()) {
    case wire::TelemetryFrame::kWelcome: {
      const auto& welcome = frame.welcome();
      welcomed_ = true;
      last_error_.clear();
      ems_serial_ = EmsSerial(welcome.ems_serial());
      keepalive_ = Seconds(std::clamp<std::uint32_t>(welcome.keepalive_s(), 1, 3600));
      next_keepalive_ = now.mono + keepalive_;
      full_wanted_ = full_wanted_ || welcome.full_report_wanted();
      actions_.push_back(agent::StateChanged{});
      if (leaving_) {
        say_leaving();
        break;
      }
      flush(now);
      offer_inventory();
      // Without a word the EMS would not know that all is as it was.
      if (unacked_.empty() && inventory_.empty()) keep_alive(now);
      break;
    }
    case wire::TelemetryFrame::kAck:
      if (frame.ack().seq() > seq_) {
        drop(now, "the EMS acknowledged what was never sent");
        break;
      }
      acked_seq_ = std::max(acked_seq_, frame.ack().seq());
      unacked_.erase(unacked_.begin(), unacked_.upper_bound(frame.ack().seq()));
      // An EMS that welcomes and then can't do its work must not be asked again and again without pause.
      backoff_ = options_.backoff_min;
      break;
    case wire::TelemetryFrame::kKeepaliveAck:
      backoff_ = options_.backoff_min;
      break;
    case wire::TelemetryFrame::kInventoryWanted:
      if (!inventory_.empty() && frame.inventory_wanted().hash() == as_text(inventory_hash_)) {
        wire::TelemetryFrame answer;
        answer.mutable_inventory()->set_hash(to_text(inventory_hash_));
        answer.mutable_inventory()->set_zlib(deflate_text(inventory_));
        send(answer);
      }
      break;
    case wire::TelemetryFrame::kTagState: {
      std::vector<agent::Tag> tags;
      if (static_cast<std::size_t>(frame.tag_state().tags_size()) > kMaxTags) {
        drop(now, "the EMS sent more tags than are taken");
        break;
      }
      for (const auto& tag : frame.tag_state().tags()) tags.push_back({tag.name(), tag.message(), tag.unknown()});
      if (tags == tags_ && profile_.show_tags == frame.tag_state().show() &&
          quarantined_ == frame.tag_state().quarantined()) {
        break;
      }
      tags_ = std::move(tags);
      quarantined_ = frame.tag_state().quarantined();
      profile_.show_tags = frame.tag_state().show();
      actions_.push_back(agent::StateChanged{});
      break;
    }
    case wire::TelemetryFrame::kProbes: {
      probes_version_ = frame.probes().version();
      std::vector<std::string> keys;
      for (const auto& key : frame.probes().keys()) {
        const bool reportable = !key.empty() && key.size() <= kMaxFactKey &&
                                !key.starts_with(posture::keys::kEmsPrefix) &&
                                !key.starts_with(posture::keys::kTagPrefix);
        if (reportable && keys.size() < kMaxProbes) keys.push_back(key);
      }
      probes_ = std::move(keys);
      actions_.push_back(agent::ProbesChanged{});
      break;
    }
    case wire::TelemetryFrame::kProfile: {
      const auto& in = frame.profile();
      agent::Profile profile{in.name(), in.show_tags(), in.vulnerability_scan(),
                             Seconds(std::max<std::uint32_t>(in.inventory_interval_s(), 60))};
      if (!in.ztna_destinations().empty()) {
        auto destinations = parse_ztna_destinations(in.ztna_destinations());
        // Of a newer EMS, perhaps: what was there before is not known to hold.
        if (destinations) profile.destinations = std::move(*destinations);
      }
      if (profile == profile_) break;
      profile_ = std::move(profile);
      actions_.push_back(agent::StateChanged{});
      break;
    }
    case wire::TelemetryFrame::kRenewResponse: {
      const auto& in = frame.renew_response();
      if (!in.error_code().empty()) {
        actions_.push_back(agent::RenewalRefused{in.error_message()});
        break;
      }
      agent::Renewed renewed;
      for (const auto& der : in.chain_der()) renewed.chain_der.emplace_back(der.begin(), der.end());
      if (!renewed.chain_der.empty()) actions_.push_back(std::move(renewed));
      break;
    }
    case wire::TelemetryFrame::kGoodbye: {
      const auto& goodbye = frame.goodbye();
      actions_.push_back(agent::Disconnect{goodbye.reason()});
      last_error_ = goodbye.message().empty() ? goodbye.reason() : goodbye.message();
      if (goodbye.reason() == "deregistered") {
        deregistered_ = true;
        welcomed_ = false;
        phase_ = Phase::kOff;
        tags_.clear();
        actions_.push_back(agent::Deregistered{last_error_});
      } else {
        schedule_reconnect(now, std::chrono::milliseconds(std::min<std::uint32_t>(goodbye.retry_after_ms(), 600'000)));
      }
      actions_.push_back(agent::StateChanged{});
      break;
    }
    default:
      break;  // what a newer EMS may say
  }
}

}  // namespace postern::proto
