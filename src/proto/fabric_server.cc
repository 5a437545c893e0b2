#include "proto/fabric_server.h"

#include <algorithm>
#include <cstring>

#include <fmt/format.h>

#include "proto/deflate.h"
#include "proto/serialize.h"
#include "wire/fabric.pb.h"

namespace postern::proto {
namespace fabric_server {
namespace {

using wire::FabricFrame;

Result<Event> read_hello(const wire::FabricHello& in) {
  if (!valid_gateway_serial(in.serial())) return invalid("a hello without a valid serial number");
  if (in.host_name().size() > 255 || in.version().size() > 255 || in.management_url().size() > 1024) {
    return invalid("a hello that is too long");
  }
  return Hello{GatewaySerial(in.serial()), in.host_name(), in.version(), in.management_url()};
}

Result<Event> read_subscribe(const wire::Subscribe& in) {
  if (static_cast<std::size_t>(in.asked_uids_size()) > kMaxAsked)
    return invalid("a subscription that asks for too many");
  Subscribe out;
  out.epoch = in.epoch();
  out.revision = in.revision();
  if (!in.digest().empty()) {
    const auto digest = parse_sha256(in.digest());
    if (!digest) return fail(digest.error());
    out.digest = *digest;
  }
  for (const auto& text : in.asked_uids()) {
    auto uid = parse_endpoint_uid(text);
    if (uid.empty()) return invalid("a subscription that asks for a malformed UID");
    out.asked.push_back(std::move(uid));
  }
  return out;
}

Result<Event> read_gateway_interfaces(const wire::GatewayInterfaces& in) {
  if (static_cast<std::size_t>(in.interfaces_size()) > kMaxInterfaces) return invalid("too many interfaces");
  Interfaces out;
  for (const auto& i : in.interfaces()) {
    Interface to;
    if (i.name().size() > 64) return invalid("an interface whose name is too long");
    to.name = i.name();
    if (i.mac().size() == 6) {
      std::array<std::uint8_t, 6> raw;
      std::memcpy(raw.data(), i.mac().data(), raw.size());
      to.mac = MacAddress(raw);
    } else if (!i.mac().empty()) {
      return invalid("a hardware address of the wrong length");
    }
    if (static_cast<std::size_t>(i.addresses_size()) > kMaxInterfaces) return invalid("too many addresses");
    for (const auto& a : i.addresses()) {
      const auto ip = IpAddress::from_bytes(a.ip());
      if (!ip || a.prefix() > 128) return invalid("a malformed interface address");
      to.addresses.push_back(fmt::format("{}/{}", ip->str(), a.prefix()));
    }
    out.interfaces.push_back(std::move(to));
  }
  return out;
}

Result<Event> read_sessions(const wire::SessionReport& in) {
  constexpr std::int64_t kEndOf9999 = 253'402'300'799'999;
  if (in.counted_since_ms() < 0 || in.counted_since_ms() > kEndOf9999) return invalid("a count since no possible time");
  return Sessions{in.live_sessions(), in.allowed(), in.denied(), in.cut(), in.uncounted(),
                  from_unix_ms(in.counted_since_ms())};
}

Result<Event> read_what_if_answer(const wire::WhatIfAnswer& in) {
  if (static_cast<std::size_t>(in.cuts_size()) > kMaxWhatIf) return invalid("more endpoints than were asked about");
  WhatIfAnswer out{in.request_id(), {}};
  for (const auto& cut : in.cuts()) out.cuts.emplace_back(parse_endpoint_uid(cut.uid()), cut.sessions());
  return out;
}

}  // namespace

Result<Event> read_frame(ByteView bytes) {
  if (bytes.size() > kMaxFrame) return invalid("a frame that is too large");
  FabricFrame frame;
  if (!frame.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return invalid("a damaged frame");
  switch (frame.kind_case()) {
    case FabricFrame::kHello: return read_hello(frame.hello());
    case FabricFrame::kSubscribe: return read_subscribe(frame.subscribe());
    case FabricFrame::kInterfaces: return read_gateway_interfaces(frame.interfaces());
    case FabricFrame::kAskCertificate: {
      const auto leaf = parse_sha256(frame.ask_certificate().sha256());
      if (!leaf) return fail(leaf.error());
      return Ask{frame.ask_certificate().request_id(), *leaf, frame.ask_certificate().only_tell()};
    }
    case FabricFrame::kReleaseEndpoint: return Release{parse_endpoint_uid(frame.release_endpoint().uid())};
    case FabricFrame::kSessionReport: return read_sessions(frame.session_report());
    case FabricFrame::kWhatIfAnswer: return read_what_if_answer(frame.what_if_answer());
    case FabricFrame::kPing: return Ping{frame.ping().id()};
    default: return Nothing{};
  }
}

Bytes status_frame(const StatusInfo& info) {
  FabricFrame frame;
  auto& s = *frame.mutable_status();
  switch (info.state) {
    case State::kPending: s.set_state(wire::FabricStatus::PENDING); break;
    case State::kAuthorised: s.set_state(wire::FabricStatus::AUTHORISED); break;
    case State::kRefused: s.set_state(wire::FabricStatus::REFUSED); break;
    case State::kConflict: s.set_state(wire::FabricStatus::CONFLICT); break;
  }
  s.set_ems_serial(info.ems_serial.str());
  s.set_tenant_id(info.tenant.str());
  s.set_ems_version(info.version);
  for (const char* capability : {"fabric-auth", "websocket", "tenant-id", "ztna-certificate-lookup"}) {
    s.add_capabilities(capability);
  }
  s.set_root_key_sha256(to_text(info.root_key_sha256));
  if (info.state != State::kAuthorised) s.set_authorise_path(info.authorise_path);
  if (info.state == State::kAuthorised) {
    s.set_ztna_ca_der(to_text(info.ztna_ca_der));
    for (const auto& der : info.ztna_ca_chain_der) s.add_ztna_ca_chain_der(to_text(der));
  }
  return serialize(frame);
}

Bytes answer_frame(std::uint64_t request_id, AnswerState state, const EndpointUid& uid) {
  FabricFrame frame;
  auto& a = *frame.mutable_certificate_answer();
  a.set_request_id(request_id);
  switch (state) {
    case AnswerState::kUnknown: a.set_state(wire::CertificateAnswer::UNKNOWN); break;
    case AnswerState::kFound: a.set_state(wire::CertificateAnswer::FOUND); break;
    case AnswerState::kRevoked: a.set_state(wire::CertificateAnswer::REVOKED); break;
    case AnswerState::kBusy: a.set_state(wire::CertificateAnswer::BUSY); break;
  }
  a.set_uid(uid.str());
  return serialize(frame);
}

Bytes what_if_frame(std::uint64_t request_id, const std::vector<TagWhatIf>& tags) {
  FabricFrame frame;
  frame.mutable_what_if()->set_request_id(request_id);
  for (const auto& tag : tags) {
    auto& out = *frame.mutable_what_if()->add_tags();
    out.set_tag(tag.tag);
    out.set_kind(std::string(tag.kind));
    for (const auto& uid : tag.gain) out.add_gain_uids(uid.str());
    for (const auto& uid : tag.lose) out.add_lose_uids(uid.str());
    for (const auto& uid : tag.become_unknown) out.add_unknown_uids(uid.str());
    out.set_gone(tag.gone);
    out.set_on_unknown_ignore(tag.ignore_unknown);
  }
  return serialize(frame);
}

Bytes pong_frame(std::uint64_t id, std::uint64_t revision) {
  FabricFrame frame;
  frame.mutable_pong()->set_id(id);
  frame.mutable_pong()->set_revision(revision);
  return serialize(frame);
}

Bytes goodbye_frame(std::string_view reason, Millis retry_after, std::string_view message) {
  FabricFrame frame;
  auto& g = *frame.mutable_goodbye();
  g.set_reason(std::string(reason));
  g.set_retry_after_ms(static_cast<std::uint32_t>(retry_after.count()));
  g.set_message(std::string(message));
  return serialize(frame);
}

}  // namespace fabric_server

using wire::FabricFrame;

std::vector<Bytes> FabricPublisher::update(std::uint64_t revision, const EntryChanges& entries,
                                           const TagChanges& tags, const Times& times) {
  Step step{revision_, view_.digest(), {}, {}};
  ChangeTimes oldest;
  for (const auto& [uid, entry] : entries) {
    const bool changed = entry ? view_.upsert(uid, *entry) : view_.remove(uid);
    if (!changed) continue;
    step.entries.push_back(uid);
    if (const auto it = times.find(uid); it != times.end()) oldest.join(it->second);
  }
  for (const auto& [id, info] : tags) {
    const bool changed = info ? view_.upsert_tag(id, *info) : view_.remove_tag(id);
    if (changed) step.tags.push_back(id);
  }
  // What the gateway holds is still right: it stays at its revision, and a later delta starts from there.
  if (step.entries.empty() && step.tags.empty()) return {};
  const std::uint64_t from = revision_;
  revision_ = revision;
  std::vector<Bytes> out;
  if (step.entries.size() > kMaxDelta) {
    history_.clear();
    touched_ = 0;
    return snapshot();
  }
  out.push_back(delta(from, {step.entries.begin(), step.entries.end()}, {step.tags.begin(), step.tags.end()}, oldest));
  touched_ += step.entries.size();
  history_.push_back(std::move(step));
  while (history_.size() > kMaxHistory || touched_ > kMaxTouched) {
    touched_ -= history_.front().entries.size();
    history_.pop_front();
  }
  return out;
}

std::vector<Bytes> FabricPublisher::replace(std::uint64_t revision, std::map<EndpointUid, std::string> entries,
                                            std::map<std::uint32_t, std::string> tags) {
  EntryChanges changes;
  for (const auto& [uid, entry] : view_.entries()) {
    if (!entries.contains(uid)) changes.emplace(uid, std::nullopt);
  }
  for (auto& [uid, entry] : entries) changes.emplace(uid, std::move(entry));
  TagChanges tag_changes;
  for (const auto& [id, info] : view_.tags()) {
    if (!tags.contains(id)) tag_changes.emplace(id, std::nullopt);
  }
  for (auto& [id, info] : tags) tag_changes.emplace(id, std::move(info));
  return update(revision, changes, tag_changes);
}

std::vector<Bytes> FabricPublisher::subscribe(const fabric_server::Subscribe& from) {
  if (from.epoch == epoch_ && from.digest) {
    if (*from.digest == view_.digest()) {
      // It holds this very view, whatever number it has for it.
      return {delta(from.revision, {}, {})};
    }
    // The newest match: views can be equal at different revisions, and fewer changes then have to travel.
    for (std::size_t i = history_.size(); i-- > 0;) {
      if (history_[i].revision != from.revision || history_[i].digest != *from.digest) continue;
      std::set<EndpointUid> entries;
      std::set<std::uint32_t> tags;
      for (std::size_t j = i; j < history_.size(); ++j) {
        entries.insert(history_[j].entries.begin(), history_[j].entries.end());
        tags.insert(history_[j].tags.begin(), history_[j].tags.end());
      }
      if (entries.size() > kMaxDelta) break;
      return {delta(from.revision, entries, tags)};
    }
  }
  return snapshot();
}

std::vector<Bytes> FabricPublisher::snapshot() const {
  std::vector<Bytes> out;
  FabricFrame frame;
  auto& begin = *frame.mutable_snapshot_begin();
  begin.set_epoch(epoch_);
  begin.set_revision(revision_);
  begin.set_count(static_cast<std::uint32_t>(view_.entries().size()));
  for (const auto& [id, info] : view_.tags()) begin.add_tags()->ParseFromString(info);
  out.push_back(serialize(frame));
  wire::ViewEntryList list;
  std::size_t size = 0;
  const auto flush = [&] {
    if (list.entries_size() == 0) return;
    FabricFrame chunk;
    chunk.mutable_snapshot_chunk()->set_zlib(deflate_text(list.SerializeAsString()));
    out.push_back(serialize(chunk));
    list.Clear();
    size = 0;
  };
  for (const auto& [uid, entry] : view_.entries()) {
    if (size + entry.size() > kChunk) flush();
    list.add_entries(entry);
    size += entry.size() + 8;
  }
  flush();
  FabricFrame end;
  end.mutable_snapshot_end()->set_revision(revision_);
  end.mutable_snapshot_end()->set_digest(to_text(view_.digest()));
  out.push_back(serialize(end));
  return out;
}

Bytes FabricPublisher::delta(std::uint64_t from, const std::set<EndpointUid>& entries,
                             const std::set<std::uint32_t>& tags, const ChangeTimes& times) const {
  FabricFrame frame;
  auto& d = *frame.mutable_delta();
  d.set_from_revision(from);
  d.set_to_revision(revision_);
  for (const auto& uid : entries) {
    if (const auto* entry = view_.find(uid)) {
      d.add_upserts(*entry);
    } else {
      d.add_removed_uids(uid.str());
    }
  }
  for (const auto id : tags) {
    const auto it = view_.tags().find(id);
    if (it == view_.tags().end()) {
      d.add_removed_tags(id);
    } else {
      d.add_tag_upserts()->ParseFromString(it->second);
    }
  }
  d.set_count(static_cast<std::uint32_t>(view_.entries().size()));
  d.set_digest(to_text(view_.digest()));
  if (times.fact) d.set_fact_at_ms(to_unix_ms(*times.fact));
  if (times.heard) d.set_heard_at_ms(to_unix_ms(*times.heard));
  return serialize(frame);
}

}  // namespace postern::proto
