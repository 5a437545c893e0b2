// Invitations and what administrators do to endpoints.
#include <fmt/format.h>

#include "ems/core/device.h"
#include "ems/core/impl.h"

namespace postern::ems {
namespace {

Error no_endpoint(const EndpointUid& uid) { return {ErrorCode::kNotFound, "there is no endpoint " + uid.str()}; }

}  // namespace

void EmsCore::create_invitation(Now now, const Actor& actor, Seconds expires_in, std::uint32_t max_uses,
                                std::string note, Done<InvitationMade> done) {
  if (expires_in < Seconds(60) || expires_in > Seconds(365 * 24 * 3600)) {
    return impl_->refuse(std::move(done),
                         {ErrorCode::kInvalidArgument, "an invitation lasts from 60 seconds to 365 days"});
  }
  if (max_uses < 1 || max_uses > 1'000'000) {
    return impl_->refuse(std::move(done),
                         {ErrorCode::kInvalidArgument, "an invitation can be used from 1 to 1,000,000 times"});
  }
  if (note.size() > 255) {
    return impl_->refuse(std::move(done), {ErrorCode::kInvalidArgument, "the note is longer than 255 bytes"});
  }
  std::string id;
  do {
    id = "INV-" + impl_->random_.readable(8);
  } while (impl_->registry_.invitations.find(id) != nullptr);
  InvitationMade made;
  made.id = id;
  made.code = impl_->random_.readable(24);  // 120 bits: nobody guesses it
  made.invitation = invitation_text(made.code);
  auto& i = impl_->registry_.invitations.edit(id);
  i.id = id;
  i.code_sha256 = sha256(made.code);
  i.note = std::move(note);
  i.created_by = actor.name;
  i.created_at = now.wall;
  i.expires_at = now.wall + std::chrono::duration_cast<Millis>(expires_in);
  i.max_uses = max_uses;
  impl_->audit(now, actor, "invitation.create", id, fmt::format("{} uses", max_uses));
  impl_->complete(std::move(done), std::move(made));
  impl_->after_input(now);
}

void EmsCore::revoke_invitation(Now now, const Actor& actor, const std::string& id, DoneStatus done) {
  if (impl_->registry_.invitations.find(id) == nullptr) {
    return impl_->refuse(std::move(done), {ErrorCode::kNotFound, "there is no invitation " + id});
  }
  impl_->registry_.invitations.edit(id).revoked = true;
  impl_->audit(now, actor, "invitation.revoke", id);
  impl_->complete(std::move(done));
  impl_->after_input(now);
}

void EmsCore::quarantine(Now now, const Actor& actor, const EndpointUid& uid, std::string reason, DoneStatus done) {
  if (endpoint(uid) == nullptr) return impl_->refuse(std::move(done), no_endpoint(uid));
  auto& e = impl_->registry_.endpoints.edit(uid);
  e.quarantined = true;
  e.quarantine_reason = std::move(reason);
  impl_->settle(now, e, {});
  impl_->audit(now, actor, "endpoint.quarantine", uid.str(), e.quarantine_reason);
  impl_->complete(std::move(done));
  impl_->after_input(now);
}

void EmsCore::unquarantine(Now now, const Actor& actor, const EndpointUid& uid, DoneStatus done) {
  const auto* known = endpoint(uid);
  if (known == nullptr) return impl_->refuse(std::move(done), no_endpoint(uid));
  const auto release = [&](const EndpointUid& which) {
    auto& e = impl_->registry_.endpoints.edit(which);
    e.quarantined = false;
    e.quarantine_reason.clear();
    impl_->settle(now, e, {});
    impl_->audit(now, actor, "endpoint.release", which.str());
  };
  // Also its earlier enrolments, which are gone, and those that were caught only because of it: else it would be caught
  // by them again.
  std::vector<EndpointUid> with;
  for (const auto* twin : impl_->quarantined_twins(*known)) {
    if (!twin->registered() || twin->quarantine_reason == following_reason(uid)) with.push_back(twin->uid);
  }
  for (const auto& twin : with) release(twin);
  release(uid);
  impl_->complete(std::move(done));
  impl_->after_input(now);
}

void EmsCore::deregister(Now now, const Actor& actor, const EndpointUid& uid, DoneStatus done) {
  impl_->end_registration(now, actor, uid, Registration::kDeregistered, std::move(done));
}

void EmsCore::revoke_certificates(Now now, const Actor& actor, const EndpointUid& uid, DoneStatus done) {
  impl_->end_registration(now, actor, uid, Registration::kRevoked, std::move(done));
}

void EmsCore::Impl::end_registration(Now now, const Actor& actor, const EndpointUid& uid, Registration how,
                                     DoneStatus done) {
  if (registry_.endpoints.find(uid) == nullptr) return refuse(std::move(done), no_endpoint(uid));
  auto& e = registry_.endpoints.edit(uid);
  if (e.registered()) e.unregistered_at = now.wall;
  e.registration = how;
  e.online = false;
  settle(now, e, {});
  judge_certificates(now, e);
  audit(now, actor, how == Registration::kRevoked ? "endpoint.revoke" : "endpoint.deregister", uid.str());
  complete(std::move(done));
  after_input(now);
}

void EmsCore::remove_endpoint(Now now, const Actor& actor, const EndpointUid& uid, DoneStatus done) {
  const auto* e = endpoint(uid);
  if (e == nullptr) return impl_->refuse(std::move(done), no_endpoint(uid));
  if (e->registered()) {
    return impl_->refuse(std::move(done), {ErrorCode::kConflict, "the endpoint is registered; deregister it first"});
  }
  if (e->quarantined) {
    return impl_->refuse(std::move(done),
                         {ErrorCode::kConflict, "the endpoint is quarantined; its record is what recognises the device "
                                                "when it enrols again. Release it first"});
  }
  impl_->registry_.erase_endpoint(uid);
  impl_->audit(now, actor, "endpoint.remove", uid.str());
  impl_->complete(std::move(done));
  impl_->after_input(now);
}

void EmsCore::set_endpoint_profile(Now now, const Actor& actor, const EndpointUid& uid, const std::string& profile,
                                   DoneStatus done) {
  if (endpoint(uid) == nullptr) return impl_->refuse(std::move(done), no_endpoint(uid));
  if (impl_->registry_.profiles.find(profile) == nullptr) {
    return impl_->refuse(std::move(done), {ErrorCode::kNotFound, "there is no endpoint profile " + profile});
  }
  auto& e = impl_->registry_.endpoints.edit(uid);
  e.profile = profile;
  impl_->match(now, e);
  impl_->settle(now, e, {});
  impl_->audit(now, actor, "endpoint.profile", uid.str(), profile);
  impl_->complete(std::move(done));
  impl_->after_input(now);
}

}  // namespace postern::ems
