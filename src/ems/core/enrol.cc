#include <cstring>

#include "base/log.h"
#include "ems/core/device.h"
#include "ems/core/impl.h"
#include "pki/certificate.h"
#include "posture/fact_keys.h"
#include "proto/serialize.h"
#include "wire/telemetry.pb.h"

namespace postern::ems {
namespace {

constexpr std::size_t kMaxEnrolRequest = 64u << 10;
constexpr std::size_t kMaxText = 255;
constexpr int kMaxMacs = 64;

Bytes refusal(const Error& error) {
  wire::EnrolResponse response;
  response.set_error_code(std::string(error_code_name(error.code)));
  response.set_error_message(error.message);
  return proto::serialize(response);
}

struct Wish {
  Bytes csr;
  std::string code, host_name, machine_id, hardware_uuid;
  std::vector<MacAddress> macs;
};

Result<Wish> read_wish(ByteView request) {
  wire::EnrolRequest in;
  if (request.size() > kMaxEnrolRequest || !in.ParseFromArray(request.data(), static_cast<int>(request.size()))) {
    return fail(ErrorCode::kInvalidArgument, "the enrolment request is damaged");
  }
  for (const auto* text : {&in.code(), &in.host_name(), &in.machine_id(), &in.hardware_uuid(), &in.agent_version()}) {
    if (text->size() > kMaxText)
      return fail(ErrorCode::kInvalidArgument, "a text in the enrolment request is too long");
  }
  if (in.macs_size() > kMaxMacs) return fail(ErrorCode::kInvalidArgument, "too many hardware addresses");
  Wish out{Bytes(in.csr_der().begin(), in.csr_der().end()), in.code(), in.host_name(), in.machine_id(),
           in.hardware_uuid(), {}};
  for (const auto& raw : in.macs()) {
    std::array<std::uint8_t, 6> bytes;
    if (raw.size() != bytes.size()) return fail(ErrorCode::kInvalidArgument, "a hardware address of the wrong length");
    std::memcpy(bytes.data(), raw.data(), bytes.size());
    if (const MacAddress mac(bytes); mac.valid()) out.macs.push_back(mac);
  }
  return out;
}

}  // namespace

Result<IssuedCertificate> EmsCore::Impl::issue(Now now, const EndpointUid& uid, ByteView csr) {
  const pki::Validity validity{now.wall - Millis(300'000),
                               now.wall + std::chrono::duration_cast<Millis>(options_.client_certificate_life)};
  auto der = pki::issue_client(identity_->ztna, csr, uid, identity_->serial, validity, random_);
  if (!der) return fail(der.error());
  auto info = pki::parse_certificate(*der);
  if (!info) return fail(info.error());
  return IssuedCertificate{info->sha256,     info->public_key_sha256, info->serial,
                           info->not_before, info->not_after,         std::move(*der)};
}

std::vector<const Endpoint*> EmsCore::Impl::quarantined_twins(const Endpoint& of) const {
  const auto marks = device_marks(of);
  std::vector<const Endpoint*> out;
  const auto look = [&](const EndpointUid& uid) {
    const auto* e = uid == of.uid ? nullptr : registry_.endpoints.find(uid);
    if (e != nullptr && e->quarantined && same_device(marks, *e)) out.push_back(e);
  };
  for (const auto& uid : registry_.quarantined()) look(uid);
  for (const auto& [uid, before] : registry_.endpoints.before()) {
    if (!registry_.quarantined().contains(uid)) look(uid);
  }
  return out;
}

void EmsCore::Impl::follow_quarantine(Now now, Endpoint& e) {
  if (e.quarantined) return;
  const auto twins = quarantined_twins(e);
  if (twins.empty()) return;
  e.quarantined = true;
  e.quarantine_reason = following_reason(twins.front()->uid);
  audit(now, {"ems", ""}, "endpoint.quarantine", e.uid.str(), e.quarantine_reason);
}

bool EmsCore::Impl::names_new_device(const Endpoint& e) const {
  const auto it = registry_.endpoints.before().find(e.uid);
  if (it == registry_.endpoints.before().end() || !it->second) return true;
  return names_more(device_marks(e), device_marks(*it->second, [&](std::string_view key) {
                      return registry_.postures.fact_before(e.slot(), key);
                    }));
}

void EmsCore::Impl::enrol(Now now, IpAddress source, ByteView request, std::function<void(Bytes)> done) {
  const auto refuse = [&](Error error) {
    log_warning("enrol.refused", error.message, {{"from", source.str()}});
    audit_limited(now, {"agent", source.str()}, "endpoint.enrol_refused", "", error.message);
    hold_free(act::Complete{[done, bytes = refusal(error)] { done(bytes); }});
    after_input(now);
  };
  const auto wish = read_wish(request);
  if (!wish) return refuse(wish.error());
  const auto key = pki::request_public_key(wish->csr);
  if (!key) return refuse(key.error());

  const auto code = sha256(wish->code);
  const Invitation* invitation = nullptr;
  for (const auto& [id, i] : registry_.invitations.all()) {
    if (equal_constant_time(i.code_sha256, code)) invitation = &i;
  }
  if (invitation == nullptr) {
    return refuse({ErrorCode::kPermissionDenied, "the invitation is not known here; ask for a new one"});
  }
  if (invitation->revoked) {
    return refuse({ErrorCode::kPermissionDenied, "the invitation was withdrawn; ask for a new one"});
  }
  const auto* before = registry_.by_key(*key);
  if (before != nullptr && !before->registered()) {
    return refuse({ErrorCode::kPermissionDenied,
                   "this key belongs to an endpoint that was " + std::string(registration_name(before->registration)) +
                       "; enrol with a new key"});
  }
  const auto accept = [&](const Endpoint& e) {
    wire::EnrolResponse response;
    response.set_uid(e.uid.str());
    response.set_ems_serial(identity_->serial.str());
    response.set_tenant_id(identity_->tenant.str());
    for (const auto& der : chain(e.certificates.front().der)) response.add_chain_der(std::string(as_text(der)));
    held_.push_back({act::Complete{[done, bytes = proto::serialize(response)] { done(bytes); }}, false,
                     [done](const Error& error) { done(refusal(error)); }});
    after_input(now);
  };
  // The answer was lost and the agent asks again: the same endpoint, and the invitation counts once.
  if (before != nullptr && before->invitation == invitation->id && before->certificates.front().key_sha256 == *key) {
    return accept(*before);
  }
  if (invitation->expires_at <= now.wall) {
    return refuse({ErrorCode::kPermissionDenied, "the invitation has expired; ask for a new one"});
  }
  if (invitation->uses >= invitation->max_uses) {
    return refuse({ErrorCode::kPermissionDenied, "the invitation has been used up; ask for a new one"});
  }

  const auto uid = before != nullptr ? before->uid : EndpointUid(random_.hex(16));
  auto issued = issue(now, uid, wish->csr);
  if (!issued) return refuse(issued.error());
  auto& used = registry_.invitations.edit(invitation->id);
  ++used.uses;
  auto& e = registry_.edit_or_add(uid, now);
  e.invitation = used.id;
  if (e.profile.empty()) e.profile = kDefaultProfile;
  e.enrolled_at = now.wall;
  e.last_seen = now.wall;
  e.enrolled_host_name = wish->host_name;
  e.machine_id = wish->machine_id;
  e.hardware_uuid = wish->hardware_uuid;
  e.macs = wish->macs;
  e.certificates.clear();
  e.certificates.push_back(std::move(*issued));
  follow_quarantine(now, e);
  settle(now, e, {});
  audit(now, {"agent " + uid.str(), source.str()}, "endpoint.enrol", uid.str(),
        wish->host_name + ", by invitation " + used.id);
  accept(e);
}

}  // namespace postern::ems
