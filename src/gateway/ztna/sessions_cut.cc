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

/// A tag that no policy names has no bit, and no session hangs on it.
const TagTable::Entry* entry_of(const GatewayCore& core, ConnectorId connector, const proto::fabric::TagWhatIf& tag) {
  TagInfo named;
  named.name = TagName(tag.tag);
  named.kind = tag.kind;
  return core.tags().find(address_name(connector, named));
}

enum class To : std::uint8_t { kHas, kAbsent, kUnknown };

/// One tag's part of the question.
struct Considered {
  std::size_t bit = 0;
  bool gone = false;
  std::map<EndpointUid, To> become;
};

}  // namespace

bool apply_on_unknown(const GatewayCore& core, ConnectorId connector, const proto::fabric::WhatIf& question,
                      policy::PolicyTable& table) {
  bool differs = false;
  for (const auto& tag : question.tags) {
    const auto* entry = entry_of(core, connector, tag);
    if (entry == nullptr) continue;
    for (auto& one : table.tags) {
      if (one.bit != entry->bit || one.on_unknown_ignore == tag.ignore_unknown) continue;
      one.on_unknown_ignore = tag.ignore_unknown;
      differs = true;
    }
  }
  return differs;
}

std::vector<proto::fabric::SessionsCut> sessions_cut(const GatewayCore& core, const policy::PolicyView& policies,
                                                     const policy::PolicyView& would_be,
                                                     ConnectorId connector, const proto::fabric::WhatIf& question,
                                                     WallTime now) {
  std::vector<Considered> considered;
  for (const auto& tag : question.tags) {
    const auto* entry = entry_of(core, connector, tag);
    if (entry == nullptr) continue;
    auto& one = considered.emplace_back(Considered{entry->bit, tag.gone, {}});
    for (const auto& uid : tag.gain) one.become[uid] = To::kHas;
    for (const auto& uid : tag.lose) one.become[uid] = To::kAbsent;
    for (const auto& uid : tag.become_unknown) one.become[uid] = To::kUnknown;
  }
  std::map<EndpointUid, std::uint32_t> cuts;
  for (const auto& [leaf, places] : core.sessions()) {
    const auto slot = core.slots().find(leaf);
    if (considered.empty() || slot == core.slots().end() || slot->second.owner.connector != connector) continue;
    const auto& uid = slot->second.owner.uid;
    const auto& s = slot->second;
    policy::EndpointState is{true, s.online, s.registered, s.quarantined, s.blocked, true, s.not_after,
                             to_tag_set(s.tags), to_tag_set(s.unknown)};
    auto would = is;
    for (const auto& tag : considered) {
      const auto become = tag.become.find(uid);
      if (!tag.gone && become == tag.become.end()) continue;
      const auto to = tag.gone ? To::kUnknown : become->second;
      would.tags.reset(tag.bit);
      would.unknown.reset(tag.bit);
      if (to == To::kHas) would.tags.set(tag.bit);
      if (to == To::kUnknown) would.unknown.set(tag.bit);
    }
    for (const auto& [place, count] : places) {
      policy::RequestContext request;
      request.proxy = place.proxy;
      request.certificate = policy::Certificate::kVerified;
      request.certificate_not_after = s.not_after;
      request.source = place.source;
      request.interface = place.interface;
      request.now = now;
      if (lets_in(policies, is, request) && !lets_in(would_be, would, request)) {
        cuts[uid] += static_cast<std::uint32_t>(count);
      }
    }
  }
  std::vector<proto::fabric::SessionsCut> out;
  for (const auto& [uid, sessions] : cuts) out.push_back({uid, sessions});
  return out;
}

}  // namespace postern::gateway
