#include "proto/fabric_client.h"

#include <algorithm>
#include <utility>

#include "proto/serialize.h"
#include "wire/fabric.pb.h"

namespace postern::proto {
namespace {

FabricStatusInfo::State state_of(wire::FabricStatus::State state) {
  switch (state) {
    case wire::FabricStatus::PENDING: return FabricStatusInfo::State::kPending;
    case wire::FabricStatus::AUTHORISED: return FabricStatusInfo::State::kAuthorised;
    case wire::FabricStatus::CONFLICT: return FabricStatusInfo::State::kConflict;
    default: return FabricStatusInfo::State::kRefused;
  }
}

fabric::Answer::State state_of(wire::CertificateAnswer::State state) {
  switch (state) {
    case wire::CertificateAnswer::FOUND: return fabric::Answer::State::kFound;
    case wire::CertificateAnswer::REVOKED: return fabric::Answer::State::kRevoked;
    case wire::CertificateAnswer::BUSY: return fabric::Answer::State::kBusy;
    default: return fabric::Answer::State::kUnknown;
  }
}

Bytes to_bytes(const std::string& text) { return Bytes(text.begin(), text.end()); }
constexpr std::size_t kMaxWhatIf = 100'000;
constexpr std::size_t kMaxWhatIfTags = 1'000;

}  // namespace

FabricClient::FabricClient(FabricIdentity identity, Random& random, Options options)
    : identity_(std::move(identity)), random_(random), options_(options), backoff_(options.backoff_min) {}

void FabricClient::enable(Now now) {
  if (phase_ != Phase::kOff) return;
  backoff_ = options_.backoff_min;
  phase_ = Phase::kConnecting;
  last_frame_ = now.mono;
  actions_.push_back(fabric::Connect{});
}

void FabricClient::disable() {
  if (phase_ == Phase::kConnecting || phase_ == Phase::kOpen) {
    actions_.push_back(fabric::Disconnect{"disabled"});
  }
  phase_ = Phase::kOff;
  subscribed_ = false;
  staging_ = false;
  staged_.clear();
}

void FabricClient::forget() {
  status_ = {};
  actions_.push_back(fabric::StatusChanged{});
  drop_view();
}

void FabricClient::send(const wire::FabricFrame& frame) {
  actions_.push_back(fabric::Send{serialize(frame)});
}

void FabricClient::on_connected(Now now) {
  if (phase_ != Phase::kConnecting) return;
  phase_ = Phase::kOpen;
  status_ = {};  // whoever answers now has not said yet who it is
  subscribed_ = false;
  unconfirmed_ = false;
  awaiting_snapshot_ = false;
  staging_ = false;
  pings_.clear();
  asking_.clear();
  inquiring_.clear();
  last_frame_ = now.mono;
  next_ping_ = now.mono + options_.ping_interval;
  last_error_.clear();
  wire::FabricFrame frame;
  auto& hello = *frame.mutable_hello();
  hello.set_serial(identity_.serial.str());
  hello.set_host_name(identity_.host_name);
  hello.set_version(identity_.version);
  hello.set_management_url(identity_.management_url);
  for (const char* capability : {"fabric-auth", "websocket", "ztna-certificate-lookup"}) {
    hello.add_capabilities(capability);
  }
  send(frame);
}

void FabricClient::on_disconnected(Now now, std::string reason) {
  if (phase_ == Phase::kOff || phase_ == Phase::kWaiting) return;
  last_error_ = std::move(reason);
  schedule_reconnect(now, std::chrono::milliseconds(0));
  actions_.push_back(fabric::StatusChanged{});
}

void FabricClient::schedule_reconnect(Now now, std::chrono::milliseconds at_least) {
  subscribed_ = false;
  unconfirmed_ = false;
  awaiting_snapshot_ = false;
  staging_ = false;
  staged_.clear();
  phase_ = Phase::kWaiting;
  // Full jitter over the upper half: gateways that lost one EMS together don't come back together.
  const auto half = std::max<std::int64_t>(1, backoff_.count() / 2);
  const std::chrono::milliseconds wait(half +
                                       static_cast<std::int64_t>(random_.below(static_cast<std::uint64_t>(half) + 1)));
  reconnect_at_ = now.mono + std::max(wait, at_least);
  backoff_ = std::min(backoff_ * 2, options_.backoff_max);
}

void FabricClient::drop(Now now, std::string why) {
  actions_.push_back(fabric::Disconnect{why});
  on_disconnected(now, std::move(why));
}

void FabricClient::on_tick(Now now) {
  if (phase_ == Phase::kWaiting && now.mono >= reconnect_at_) {
    phase_ = Phase::kConnecting;
    last_frame_ = now.mono;
    ++counters_.reconnects;
    actions_.push_back(fabric::Connect{});
    return;
  }
  if (phase_ != Phase::kOpen) return;
  if (now.mono - last_frame_ > options_.silence_limit) {
    drop(now, "no answer from the EMS");
    return;
  }
  if (now.mono >= next_ping_) ping(now);
  report_usage(now);
}

void FabricClient::ping(Now now) {
  if (phase_ != Phase::kOpen) return;
  next_ping_ = now.mono + options_.ping_interval;
  wire::FabricFrame frame;
  frame.mutable_ping()->set_id(++ping_id_);
  pings_.emplace_back(ping_id_, now);
  send(frame);
}

void FabricClient::set_interfaces(std::vector<FabricInterface> interfaces) {
  if (interfaces_ == interfaces) return;
  interfaces_ = std::move(interfaces);
  if (phase_ == Phase::kOpen && subscribed_) send_interfaces();
}

void FabricClient::send_interfaces() {
  wire::FabricFrame frame;
  auto& list = *frame.mutable_interfaces();
  for (const auto& interface : interfaces_) {
    auto& out = *list.add_interfaces();
    out.set_name(interface.name);
    out.set_mac(to_text(interface.mac));
    for (const auto& address : interface.addresses) {
      auto& a = *out.add_addresses();
      a.set_ip(to_text(address.ip));
      a.set_prefix(address.prefix);
    }
  }
  send(frame);
}

void FabricClient::subscribe(Now now) {
  subscribed_ = true;
  subscribed_at_ = now;
  told_usage_.reset();
  send_interfaces();
  wire::FabricFrame frame;
  auto& subscribe = *frame.mutable_subscribe();
  subscribe.set_epoch(epoch_);
  subscribe.set_revision(revision_);
  if (epoch_ != 0) subscribe.set_digest(to_text(view_.digest()));
  for (const auto& uid : asked_) subscribe.add_asked_uids(uid.str());
  // Until the EMS has answered the subscription the view may be behind.
  unconfirmed_ = true;
  awaiting_snapshot_ = epoch_ == 0;
  send(frame);
}

void FabricClient::ask_snapshot(Now now, std::string why) {
  ++counters_.mismatches;
  if (awaiting_snapshot_) {
    // Even the snapshot was wrong. Asking at once again would only make load of it.
    drop(now, std::move(why));
    return;
  }
  last_error_ = std::move(why);
  subscribe_anew(now);
}

/// From nothing: a snapshot is the only answer.
void FabricClient::subscribe_anew(Now now) {
  staging_ = false;
  staged_.clear();
  unconfirmed_ = true;
  awaiting_snapshot_ = true;
  subscribed_at_ = now;
  wire::FabricFrame frame;
  auto& subscribe = *frame.mutable_subscribe();
  for (const auto& uid : asked_) subscribe.add_asked_uids(uid.str());
  send(frame);
}

std::uint64_t FabricClient::ask(const Sha256& leaf, bool only_tell) {
  if (phase_ != Phase::kOpen || !subscribed_) return 0;
  wire::FabricFrame frame;
  auto& ask = *frame.mutable_ask_certificate();
  ask.set_request_id(next_request_);
  ask.set_sha256(to_text(leaf));
  ask.set_only_tell(only_tell);
  send(frame);
  (only_tell ? inquiring_ : asking_).insert(next_request_);
  return next_request_++;
}

std::uint64_t FabricClient::ask_certificate(const Sha256& leaf) { return ask(leaf, false); }
std::uint64_t FabricClient::inquire_certificate(const Sha256& leaf) { return ask(leaf, true); }

void FabricClient::refresh(Now now) {
  if (phase_ != Phase::kOpen || !subscribed_ || awaiting_snapshot_ || staging_) return;
  // A subscription names whom we asked for: one that the EMS is about to find for us would be missing in it.
  if (!asking_.empty()) return ping(now);
  send_interfaces();
  subscribe_anew(now);
}

void FabricClient::answer_what_if(std::uint64_t request_id, const std::vector<fabric::SessionsCut>& cuts) {
  if (phase_ != Phase::kOpen || !subscribed_) return;
  wire::FabricFrame frame;
  auto& answer = *frame.mutable_what_if_answer();
  answer.set_request_id(request_id);
  for (const auto& cut : cuts) {
    auto& out = *answer.add_cuts();
    out.set_uid(cut.uid.str());
    out.set_sessions(cut.sessions);
  }
  send(frame);
}

void FabricClient::release(const EndpointUid& uid) {
  if (asked_.erase(uid) == 0 || phase_ != Phase::kOpen || !subscribed_) return;
  wire::FabricFrame frame;
  frame.mutable_release_endpoint()->set_uid(uid.str());
  send(frame);
}

void FabricClient::report_usage(Now now) {
  if (!subscribed_ || !usage_) return;
  if (told_usage_) {
    const auto age = now.mono - told_usage_at_;
    if (age < (*told_usage_ == *usage_ ? options_.usage_interval : options_.usage_least)) return;
  }
  told_usage_ = usage_;
  told_usage_at_ = now.mono;
  wire::FabricFrame frame;
  auto& report = *frame.mutable_session_report();
  report.set_live_sessions(usage_->live_sessions);
  report.set_allowed(usage_->allowed);
  report.set_denied(usage_->denied);
  report.set_cut(usage_->cut);
  report.set_uncounted(usage_->uncounted);
  report.set_counted_since_ms(to_unix_ms(usage_->since));
  send(frame);
}

std::vector<fabric::Action> FabricClient::take_actions() { return std::exchange(actions_, {}); }

void FabricClient::on_frame(Now now, ByteView bytes) {
  if (phase_ != Phase::kOpen) return;
  wire::FabricFrame frame;
  if (!frame.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    drop(now, "the EMS sent a damaged frame");
    return;
  }
  last_frame_ = now.mono;
  const bool before = synchronised();
  handle(now, frame);
  if (!before && synchronised()) confirmed(subscribed_at_);
}

void FabricClient::confirmed(Now asked) {
  if (!last_contact_ || asked.mono > last_contact_->mono) last_contact_ = asked;
}

void FabricClient::handle(Now now, const wire::FabricFrame& frame) {
  Status done;
  switch (frame.kind_case()) {
    case wire::FabricFrame::kStatus:
      on_status(now, frame.status());
      break;
    case wire::FabricFrame::kSnapshotBegin:
      done = begin_snapshot(frame.snapshot_begin());
      break;
    case wire::FabricFrame::kSnapshotChunk:
      done = add_chunk(frame.snapshot_chunk());
      break;
    case wire::FabricFrame::kSnapshotEnd:
      done = end_snapshot(frame.snapshot_end());
      break;
    case wire::FabricFrame::kDelta:
      done = apply(frame.delta());
      break;
    case wire::FabricFrame::kCertificateAnswer: {
      const auto& answer = frame.certificate_answer();
      fabric::Answer out;
      out.request_id = answer.request_id();
      out.state = state_of(answer.state());
      out.uid = parse_endpoint_uid(answer.uid());
      if (inquiring_.erase(out.request_id) != 0) {
        actions_.push_back(out);
        break;
      }
      asking_.erase(out.request_id);
      // FOUND is only worth something if the record came before it. While a snapshot is awaited it is of a subscription
      // that ours has replaced, and ours did not name this endpoint: the EMS will not keep it for us.
      const bool kept = view_.find(out.uid) != nullptr && (!awaiting_snapshot_ || asked_.contains(out.uid));
      if (out.state == fabric::Answer::State::kFound && !kept) out.state = fabric::Answer::State::kBusy;
      // Who is revoked comes as a blocked record, to be released like any other.
      if (kept && (out.state == fabric::Answer::State::kFound || out.state == fabric::Answer::State::kRevoked)) {
        asked_.insert(out.uid);
      }
      actions_.push_back(out);
      break;
    }
    case wire::FabricFrame::kWhatIf: {
      const auto& in = frame.what_if();
      if (!subscribed_) break;
      fabric::WhatIf out{in.request_id(), {}};
      std::size_t endpoints = 0;
      const auto read = [&](const auto& uids, std::vector<EndpointUid>& to) {
        for (const auto& uid : uids) {
          if (endpoints++ < kMaxWhatIf) to.push_back(parse_endpoint_uid(uid));
        }
      };
      for (const auto& tag : in.tags()) {
        if (out.tags.size() == kMaxWhatIfTags) break;
        auto& one = out.tags.emplace_back(fabric::TagWhatIf{tag.tag(), tag.kind(), {}, {}, {}, tag.gone(), tag.on_unknown_ignore()});
        read(tag.gain_uids(), one.gain);
        read(tag.lose_uids(), one.lose);
        read(tag.unknown_uids(), one.become_unknown);
      }
      actions_.push_back(std::move(out));
      break;
    }
    case wire::FabricFrame::kPong:
      while (!pings_.empty() && pings_.front().first <= frame.pong().id()) {
        if (pings_.front().first == frame.pong().id() && synchronised()) confirmed(pings_.front().second);
        pings_.pop_front();
      }
      break;
    case wire::FabricFrame::kGoodbye: {
      const auto& goodbye = frame.goodbye();
      actions_.push_back(fabric::Disconnect{goodbye.reason()});
      last_error_ = goodbye.message().empty() ? goodbye.reason() : goodbye.message();
      if (goodbye.reason() == fabric::kRemoved) {
        subscribed_ = false;
        drop_view();
      }
      schedule_reconnect(now, std::chrono::milliseconds(std::min<std::uint32_t>(goodbye.retry_after_ms(), 600'000)));
      actions_.push_back(fabric::StatusChanged{});
      break;
    }
    default:
      break;  // A newer EMS may say more than we know.
  }
  if (!done) ask_snapshot(now, done.error().message);
}

void FabricClient::on_status(Now now, const wire::FabricStatus& status) {
  // Whose word it is has to be known before any of it counts: it is held against the serial number that was accepted.
  if (status.ems_serial().empty()) return drop(now, "the EMS does not say its serial number");
  FabricStatusInfo info;
  info.state = state_of(status.state());
  info.ems_serial = EmsSerial(status.ems_serial());
  info.tenant = TenantId(status.tenant_id());
  info.ems_version = status.ems_version();
  info.authorise_path = status.authorise_path();
  info.capabilities.assign(status.capabilities().begin(), status.capabilities().end());
  info.ztna_ca_der = to_bytes(status.ztna_ca_der());
  for (const auto& der : status.ztna_ca_chain_der()) info.ztna_ca_chain_der.push_back(to_bytes(der));
  info.root_key_sha256 = to_bytes(status.root_key_sha256());
  const bool authorised = info.state == FabricStatusInfo::State::kAuthorised;
  if (info != status_) {
    status_ = std::move(info);
    actions_.push_back(fabric::StatusChanged{});
  }
  if (authorised && !subscribed_) {
    backoff_ = options_.backoff_min;
    subscribe(now);
  }
  if (authorised) return;
  subscribed_ = false;
  asking_.clear();
  inquiring_.clear();
  // Not an outage: the EMS itself says that this gateway gets nothing, so what it got before counts no more.
  if (epoch_ != 0) drop_view();
}

}  // namespace postern::proto
