#include "gateway/ztna/sessions_cut.h"

#include <map>
#include <set>

#include "gateway/ztna/shm_actions.h"
#include "policy/decide.h"

namespace postern::gateway {
namespace {

/// A policy lets it in; whether the address it asks for exists is another question, which no tag changes.
bool lets_in(const policy::PolicyView& policies, const policy::EndpointState& endpoint,
             const policy::RequestContext& request) {
  const auto decision = policy::decide(policies, endpoint, request);
  return decision.allow || decision.reason == policy::Reason::kNoApiGateway ||
         decision.reason == policy::Reason::kNoRealServer;
}

}  // namespace

std::vector<proto::fabric::SessionsCut> sessions_cut(const GatewayCore& core, const policy::PolicyView& policies,
                                                     ConnectorId connector, const proto::fabric::WhatIf& question,
                                                     WallTime now) {
  enum class To { kHas, kAbsent, kUnknown };
  std::map<EndpointUid, To> become;
  for (const auto& uid : question.gain) become[uid] = To::kHas;
  for (const auto& uid : question.lose) become[uid] = To::kAbsent;
  for (const auto& uid : question.become_unknown) become[uid] = To::kUnknown;
  // A tag that no policy names has no bit, and no session hangs on it.
  TagInfo named;
  named.name = TagName(question.tag);
  named.kind = question.kind;
  const auto* tag = core.tags().find(address_name(connector, named));
  std::map<EndpointUid, std::uint32_t> cuts;
  for (const auto& [leaf, places] : core.sessions()) {
    const auto slot = core.slots().find(leaf);
    if (tag == nullptr || slot == core.slots().end() || slot->second.owner.connector != connector) continue;
    const auto& uid = slot->second.owner.uid;
    const auto to = become.find(uid);
    if (to == become.end()) continue;
    const auto& s = slot->second;
    policy::EndpointState is{true, s.online, s.registered, s.quarantined, s.blocked, true, s.not_after,
                             to_tag_set(s.tags), to_tag_set(s.unknown)};
    auto would = is;
    would.tags.reset(tag->bit);
    would.unknown.reset(tag->bit);
    if (to->second == To::kHas) would.tags.set(tag->bit);
    if (to->second == To::kUnknown) would.unknown.set(tag->bit);
    for (const auto& [place, count] : places) {
      policy::RequestContext request;
      request.proxy = place.proxy;
      request.certificate = policy::Certificate::kVerified;
      request.certificate_not_after = s.not_after;
      request.source = place.source;
      request.now = now;
      if (lets_in(policies, is, request) && !lets_in(policies, would, request)) {
        cuts[uid] += static_cast<std::uint32_t>(count);
      }
    }
  }
  std::vector<proto::fabric::SessionsCut> out;
  for (const auto& [uid, sessions] : cuts) out.push_back({uid, sessions});
  return out;
}

}  // namespace postern::gateway
