#include <cstring>

#include "base/log.h"
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

bool any_in(const std::vector<MacAddress>& wanted, const Endpoint& e) {
  for (const auto& mac : wanted) {
    if (std::find(e.macs.begin(), e.macs.end(), mac) != e.macs.end()) return true;
  }
  const auto it = e.facts.find(posture::keys::kMacs);
  const auto* texts = it == e.facts.end() ? nullptr : it->second.as<std::vector<std::string>>();
  if (texts == nullptr) return false;
  for (const auto& text : *texts) {
    const auto mac = MacAddress::parse(text);
    if (mac && std::find(wanted.begin(), wanted.end(), *mac) != wanted.end()) return true;
  }
  return false;
}

/// Values that say nothing about which machine it is.
bool means_something(const std::string& id) { return id.size() >= 8 && id.find_first_not_of("0-fF") != id.npos; }

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

const Endpoint* EmsCore::Impl::quarantined_twin(const EndpointUid& self, const std::string& machine_id,
                                                const std::string& hardware_uuid,
                                                const std::vector<MacAddress>& macs) const {
  const auto same = [&](const Endpoint& e) {
    if (!e.quarantined || e.uid == self) return false;
    const auto either = [&](const std::string& mine, const std::string& enrolled, std::string_view key) {
      return means_something(mine) && (mine == enrolled || mine == fact_text(e, key));
    };
    return either(machine_id, e.machine_id, posture::keys::kMachineId) ||
           either(hardware_uuid, e.hardware_uuid, posture::keys::kHardwareUuid) || any_in(macs, e);
  };
  for (const auto& uid : registry_.quarantined()) {
    if (const auto* e = registry_.endpoints.find(uid); e != nullptr && same(*e)) return e;
  }
  for (const auto& [uid, before] : registry_.endpoints.before()) {
    if (const auto* e = registry_.endpoints.find(uid); e != nullptr && same(*e)) return e;
  }
  return nullptr;
}

void EmsCore::Impl::follow_quarantine(Now now, Endpoint& e) {
  if (e.quarantined) return;
  auto macs = e.macs;
  if (const auto it = e.facts.find(posture::keys::kMacs); it != e.facts.end()) {
    if (const auto* texts = it->second.as<std::vector<std::string>>()) {
      for (const auto& text : *texts) {
        if (const auto mac = MacAddress::parse(text); mac && mac->valid()) macs.push_back(*mac);
      }
    }
  }
  for (const auto& [machine_id, hardware_uuid] :
       {std::pair(e.machine_id, e.hardware_uuid),
        std::pair(fact_text(e, posture::keys::kMachineId), fact_text(e, posture::keys::kHardwareUuid))}) {
    const auto* twin = quarantined_twin(e.uid, machine_id, hardware_uuid, macs);
    if (twin == nullptr) continue;
    e.quarantined = true;
    e.quarantine_reason = "the same device as quarantined endpoint " + twin->uid.str();
    audit(now, {"ems", ""}, "endpoint.quarantine", e.uid.str(), e.quarantine_reason);
    return;
  }
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
  auto& e = registry_.endpoints.edit(uid);
  e.uid = uid;
  e.invitation = used.id;
  if (e.profile.empty()) e.profile = kDefaultProfile;
  e.enrolled_at = now.wall;
  e.last_seen = now.wall;
  e.enrolled_host_name = wish->host_name;
  e.machine_id = wish->machine_id;
  e.hardware_uuid = wish->hardware_uuid;
  e.macs = wish->macs;
  e.certificates.assign(1, std::move(*issued));
  follow_quarantine(now, e);
  settle(now, e, {});
  e.tags = engine_.evaluate_all(e.facts, now);
  audit(now, {"agent " + uid.str(), source.str()}, "endpoint.enrol", uid.str(),
        wish->host_name + ", by invitation " + used.id);
  accept(e);
}

}  // namespace postern::ems
