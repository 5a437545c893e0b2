#include "proto/fabric_client.h"

#include <algorithm>
#include <map>
#include <utility>

#include <fmt/format.h>

#include "proto/deflate.h"
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
std::string to_text(ByteView bytes) { return std::string(as_text(bytes)); }

/// The endpoint that an entry's bytes speak of; an error if they aren't an entry.
Result<EndpointUid> uid_of(const std::string& entry) {
  wire::ViewEntry parsed;
  if (!parsed.ParseFromString(entry)) return fail(ErrorCode::kDataLoss, "an endpoint record is damaged");
  auto uid = parse_endpoint_uid(parsed.record().uid());
  if (uid.empty()) return fail(ErrorCode::kDataLoss, "an endpoint record carries no valid UID");
  return uid;
}

/// Changes to a view that can be taken back.
class ViewEdit {
 public:
  explicit ViewEdit(View& view) : view_(view) {}

  bool upsert(const EndpointUid& uid, const std::string& entry) {
    keep(uid);
    return view_.upsert(uid, entry);
  }
  bool remove(const EndpointUid& uid) {
    keep(uid);
    return view_.remove(uid);
  }
  bool upsert_tag(std::uint32_t id, std::string info) {
    keep_tag(id);
    return view_.upsert_tag(id, std::move(info));
  }
  bool remove_tag(std::uint32_t id) {
    keep_tag(id);
    return view_.remove_tag(id);
  }
  void undo() {
    for (const auto& [uid, entry] : entries_) {
      if (entry) {
        view_.upsert(uid, *entry);
      } else {
        view_.remove(uid);
      }
    }
    for (const auto& [id, info] : tags_) {
      if (info) {
        view_.upsert_tag(id, *info);
      } else {
        view_.remove_tag(id);
      }
    }
  }

 private:
  void keep(const EndpointUid& uid) {
    const auto* old = view_.find(uid);
    entries_.try_emplace(uid, old == nullptr ? std::nullopt : std::optional<std::string>(*old));
  }
  void keep_tag(std::uint32_t id) {
    const auto old = view_.tags().find(id);
    tags_.try_emplace(id, old == view_.tags().end() ? std::nullopt : std::optional<std::string>(old->second));
  }

  View& view_;
  std::map<EndpointUid, std::optional<std::string>> entries_;
  std::map<std::uint32_t, std::optional<std::string>> tags_;
};

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

void FabricClient::drop_view() {
  fabric::ViewChanged change;
  change.snapshot = true;
  change.tags = true;
  for (const auto& [uid, entry] : view_.entries()) change.removed.push_back(uid);
  view_.clear();
  epoch_ = revision_ = 0;
  asked_.clear();
  last_contact_.reset();
  actions_.push_back(std::move(change));
}

void FabricClient::restore(std::uint64_t epoch, std::uint64_t revision, View view) {
  epoch_ = epoch;
  revision_ = revision;
  view_ = std::move(view);
}

void FabricClient::send(const wire::FabricFrame& frame) {
  Bytes bytes(frame.ByteSizeLong());
  frame.SerializeToArray(bytes.data(), static_cast<int>(bytes.size()));
  actions_.push_back(fabric::Send{std::move(bytes)});
}

void FabricClient::on_connected(Now now) {
  if (phase_ != Phase::kConnecting) return;
  phase_ = Phase::kOpen;
  subscribed_ = false;
  unconfirmed_ = false;
  awaiting_snapshot_ = false;
  staging_ = false;
  pings_.clear();
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
  const std::chrono::milliseconds wait(half + static_cast<std::int64_t>(random_.below(static_cast<std::uint64_t>(half) + 1)));
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
  if (now.mono >= next_ping_) {
    next_ping_ = now.mono + options_.ping_interval;
    wire::FabricFrame frame;
    frame.mutable_ping()->set_id(++ping_id_);
    pings_.emplace_back(ping_id_, now);
    send(frame);
  }
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

std::uint64_t FabricClient::ask_certificate(const Sha256& leaf) {
  if (phase_ != Phase::kOpen || !subscribed_) return 0;
  wire::FabricFrame frame;
  auto& ask = *frame.mutable_ask_certificate();
  ask.set_request_id(next_request_);
  ask.set_sha256(to_text(leaf));
  send(frame);
  return next_request_++;
}

void FabricClient::release(const EndpointUid& uid) {
  if (asked_.erase(uid) == 0 || phase_ != Phase::kOpen || !subscribed_) return;
  wire::FabricFrame frame;
  frame.mutable_release_endpoint()->set_uid(uid.str());
  send(frame);
}

void FabricClient::report_sessions(std::uint64_t live_sessions) {
  if (phase_ != Phase::kOpen || !subscribed_) return;
  wire::FabricFrame frame;
  frame.mutable_session_report()->set_live_sessions(live_sessions);
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
      // FOUND is only worth something if the record came before it. While a snapshot is awaited it is of a subscription that
      // ours has replaced, and ours did not name this endpoint: the EMS will not keep it for us.
      if (out.state == fabric::Answer::State::kFound) {
        if (view_.find(out.uid) == nullptr || (awaiting_snapshot_ && !asked_.contains(out.uid))) {
          out.state = fabric::Answer::State::kBusy;
        } else {
          asked_.insert(out.uid);
        }
      }
      actions_.push_back(out);
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
  // Not an outage: the EMS itself says that this gateway gets nothing, so what it got before counts no more.
  if (epoch_ != 0) drop_view();
}

Status FabricClient::begin_snapshot(const wire::SnapshotBegin& begin) {
  if (!subscribed_) return fail(ErrorCode::kDataLoss, "a snapshot nobody asked for");
  if (begin.count() > options_.max_endpoints) {
    return fail(ErrorCode::kResourceExhausted, fmt::format("the EMS wants to send {} endpoints", begin.count()));
  }
  if (begin.epoch() == 0) return fail(ErrorCode::kDataLoss, "a snapshot without an epoch");
  staging_ = true;
  staged_.clear();
  staged_epoch_ = begin.epoch();
  staged_revision_ = begin.revision();
  staged_count_ = begin.count();
  for (const auto& tag : begin.tags()) staged_.upsert_tag(tag.id(), tag.SerializeAsString());
  return {};
}

Status FabricClient::add_chunk(const wire::SnapshotChunk& chunk) {
  if (!staging_) return fail(ErrorCode::kDataLoss, "a piece of a snapshot that has not begun");
  auto text = inflate_text(chunk.zlib(), options_.max_chunk_inflated);
  if (!text) return fail(text.error());
  wire::ViewEntryList list;
  if (!list.ParseFromString(*text)) return fail(ErrorCode::kDataLoss, "a piece of the snapshot is damaged");
  for (auto& entry : *list.mutable_entries()) {
    auto uid = uid_of(entry);
    if (!uid) return fail(uid.error());
    staged_.upsert(*uid, std::move(entry));
    if (staged_.entries().size() > staged_count_) {
      return fail(ErrorCode::kDataLoss, "the snapshot lists more endpoints than it announced");
    }
  }
  return {};
}

Status FabricClient::end_snapshot(const wire::SnapshotEnd& end) {
  if (!staging_) return fail(ErrorCode::kDataLoss, "the end of a snapshot that has not begun");
  // Count and digest decide, so that an EMS that failed half way can never empty this gateway.
  if (!options_.trust_snapshots && staged_.entries().size() != staged_count_) {
    return fail(ErrorCode::kDataLoss, fmt::format("the snapshot announced {} endpoints and listed {}", staged_count_,
                                                  staged_.entries().size()));
  }
  if (!options_.trust_snapshots && (end.revision() != staged_revision_ || end.digest() != as_text(staged_.digest()))) {
    return fail(ErrorCode::kDataLoss, "the snapshot's digest does not fit what it listed");
  }
  fabric::ViewChanged change;
  change.snapshot = true;
  change.tags = view_.tags() != staged_.tags();
  for (const auto& [uid, entry] : staged_.entries()) {
    const auto* old = view_.find(uid);
    if (old == nullptr || *old != entry) change.upserted.push_back(uid);
  }
  for (const auto& [uid, entry] : view_.entries()) {
    if (staged_.find(uid) == nullptr) change.removed.push_back(uid);
  }
  view_ = std::move(staged_);
  staged_ = View();
  epoch_ = staged_epoch_;
  revision_ = staged_revision_;
  staging_ = false;
  unconfirmed_ = false;
  awaiting_snapshot_ = false;
  ++counters_.snapshots;
  actions_.push_back(std::move(change));
  return {};
}

Status FabricClient::apply(const wire::Delta& delta) {
  if (!subscribed_) return fail(ErrorCode::kDataLoss, "a delta nobody asked for");
  // Deltas that were under way when a snapshot was asked for are of a state that is being replaced.
  if (awaiting_snapshot_ && !staging_) return {};
  if (staging_) return fail(ErrorCode::kDataLoss, "a delta inside a snapshot");
  if (delta.from_revision() != revision_) {
    return fail(ErrorCode::kDataLoss, fmt::format("a delta from revision {} does not fit revision {}",
                                                  delta.from_revision(), revision_));
  }
  std::vector<EndpointUid> uids;
  uids.reserve(static_cast<std::size_t>(delta.upserts_size()));
  for (const auto& entry : delta.upserts()) {
    auto uid = uid_of(entry);
    if (!uid) return fail(uid.error());
    uids.push_back(std::move(*uid));
  }
  // Applied in place, with what it takes to undo it: a delta that proves wrong leaves no half behind.
  ViewEdit edit(view_);
  fabric::ViewChanged change;
  for (int i = 0; i < delta.upserts_size(); ++i) {
    if (edit.upsert(uids[static_cast<std::size_t>(i)], delta.upserts(i))) {
      change.upserted.push_back(uids[static_cast<std::size_t>(i)]);
    }
  }
  for (const auto& text : delta.removed_uids()) {
    const auto uid = parse_endpoint_uid(text);
    if (edit.remove(uid)) change.removed.push_back(uid);
  }
  for (const auto& tag : delta.tag_upserts()) change.tags |= edit.upsert_tag(tag.id(), tag.SerializeAsString());
  for (const auto id : delta.removed_tags()) change.tags |= edit.remove_tag(id);
  if (view_.entries().size() != delta.count() || as_text(view_.digest()) != delta.digest()) {
    edit.undo();
    return fail(ErrorCode::kDataLoss, "the view after a delta differs from the EMS's");
  }
  revision_ = delta.to_revision();
  unconfirmed_ = false;
  ++counters_.deltas;
  if (!change.upserted.empty() || !change.removed.empty() || change.tags) actions_.push_back(std::move(change));
  return {};
}

}  // namespace postern::proto
