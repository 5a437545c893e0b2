// Whether an endpoint is on-fabric: its profile's detection sets over its facts; and what agents report for it.
#include <algorithm>

#include "ems/core/impl.h"
#include "posture/fact_keys.h"
#include "proto/fact_codec.h"

namespace postern::ems {
namespace {

posture::UnknownReason unknown_reason(const posture::Reason& reason) {
  using posture::UnknownReason;
  for (const auto one : {UnknownReason::kDenied, UnknownReason::kStale, UnknownReason::kFailed}) {
    if (reason.code == posture::unknown_reason_name(one)) return one;
  }
  return UnknownReason::kUnsupported;
}

}  // namespace

const posture::OnFabricDetection& EmsCore::Impl::detection_of(const Endpoint& e) const {
  const auto& profile = profile_of(e);
  auto& detection = detections_[profile.name];
  if (detection.sets() == profile.on_fabric) return detection;
  auto compiled = posture::OnFabricDetection::compile(profile.on_fabric);
  // What is stored was compiled before it was.
  detection = compiled ? std::move(*compiled) : posture::OnFabricDetection();
  return detection;
}

posture::FactValue EmsCore::Impl::on_fabric(const Endpoint& e, Now now) {
  const EndpointFacts facts(e.in_table);
  const auto view = facts_of(e, facts, now);
  const auto judgement = detection_of(e).judge(view);
  if (view.until() != WallTime::max()) judge_at(e.uid, view.until());
  if (judgement.verdict == posture::Verdict::kUnknown) return posture::Unknown{unknown_reason(*judgement.reason)};
  return judgement.verdict == posture::Verdict::kMatch;
}

const posture::RequiredFacts& EmsCore::Impl::required_facts(const Endpoint& e) const {
  // An agent says its family in its first report; until then it is asked what one of Linux is.
  const auto os = posture::parse_os_family(fact_text(e, posture::keys::kOsFamily)).value_or(posture::OsFamily::kLinux);
  const auto& profile = profile_of(e);
  const auto [it, fresh] = required_.try_emplace({os, profile.name});
  if (fresh) it->second = engine_.required_facts(os, detection_of(e).required_facts());
  return it->second;
}

void EmsCore::set_detection(Now now, const Actor& actor, const std::string& profile, posture::DetectionSets sets,
                            DoneStatus done) {
  if (impl_->registry_.profiles.find(profile) == nullptr) {
    return impl_->refuse(std::move(done), {ErrorCode::kNotFound, "there is no endpoint profile " + profile});
  }
  const auto compiled = posture::OnFabricDetection::compile(sets);
  if (!compiled) return impl_->refuse(std::move(done), compiled.error());
  for (const auto os : posture::kAllOsFamilies) {
    const auto asked = impl_->engine_.required_facts(os, compiled->required_facts()).keys.size();
    if (asked > proto::kMaxProbes && asked > impl_->most_asked()) {
      return impl_->refuse(std::move(done), impl_->too_many_asked(asked));
    }
  }
  impl_->registry_.profiles.edit(profile).on_fabric = std::move(sets);
  impl_->forget_required_facts();
  impl_->settle_later();
  impl_->audit(now, actor, "profile.on_fabric", profile);
  impl_->complete(std::move(done));
  impl_->after_input(now);
}

Result<std::vector<posture::DetectionSetExplanation>> EmsCore::explain_on_fabric(Now now, const EndpointUid& uid) const {
  const auto* e = endpoint(uid);
  if (e == nullptr) return fail(ErrorCode::kNotFound, "there is no endpoint " + uid.str());
  const EndpointFacts facts(e->in_table);
  return impl_->detection_of(*e).explain(impl_->facts_of(*e, facts, now));
}

}  // namespace postern::ems
