#include "gateway/firewall/cut.h"

#include <algorithm>
#include <utility>

namespace postern::gateway::firewall {
namespace {

using policy::Reason;

/// Those of `tags` that count for this reason.
std::vector<std::string> of_state(const std::vector<std::string>& tags, const AddressEntry& source, bool has, bool known) {
  std::vector<std::string> out;
  for (const auto& tag : tags) {
    const bool has_it = source.tags.contains(tag);
    if (has_it == has && (has_it || source.known.contains(tag)) == known) out.push_back(tag);
  }
  return out;
}

/// Of a policy whose tags forbid: what it has of them, else what nobody knows.
void forbidden(Cut& cut, const std::vector<std::string>& tags, const AddressEntry& source) {
  cut.reason = Reason::kForbiddenTag;
  cut.tags = of_state(tags, source, true, true);
  if (!cut.tags.empty()) return;
  cut.reason = Reason::kPostureUnknown;
  cut.tags = of_state(tags, source, false, false);
}

/// Of a policy whose tags are demanded.
void missing(Cut& cut, const std::vector<std::string>& tags, const AddressEntry& source) {
  cut.reason = Reason::kMissingTag;
  cut.tags = of_state(tags, source, false, true);
  if (!cut.tags.empty()) return;
  cut.reason = Reason::kPostureUnknown;
  cut.tags = of_state(tags, source, false, false);
}

const Policy* find(const std::vector<Policy>& policies, std::uint32_t id) {
  const auto it = std::find_if(policies.begin(), policies.end(), [&](const Policy& p) { return p.id == id; });
  return it == policies.end() ? nullptr : &*it;
}

}  // namespace

std::optional<Cut> why_cut(const Flow& flow, const Moment& before, const Moment& now, const Gone& gone) {
  const auto was = judge(before.policies, before.source, flow);
  if (!was.accept) return std::nullopt;
  Cut cut{flow, was.policy, Reason::kNoPolicy, {}, {}, {}};
  const auto* known = now.source != nullptr ? now.source : before.source;
  if (known != nullptr) cut.owner = known->owner;
  const auto is = judge(now.policies, now.source, flow);
  const auto* refuses = is.policy != 0 ? find(now.policies, is.policy) : nullptr;
  const auto* let_in = find(now.policies, was.policy);
  const bool depended = let_in != nullptr && !let_in->condition.tags.empty();
  if (now.source == nullptr && before.source != nullptr && (depended || (refuses && !refuses->condition.tags.empty()))) {
    // Whoever it is, no tag is the reason.
    cut.reason = gone.reason;
    cut.detail = gone.detail;
    return cut;
  }
  if (refuses != nullptr) {
    cut.policy = refuses->id;
    const auto tags = refuses->condition.all_tags();
    cut.reason = Reason::kDenyPolicy;
    if (tags.empty() || now.source == nullptr) return cut;
    if (!refuses->condition.negate) {
      forbidden(cut, tags, *now.source);
    } else {
      missing(cut, tags, *now.source);
    }
    return cut;
  }
  // No policy takes it: the one that did has become another, or its tags are not met any more.
  if (!depended || now.source == nullptr || let_in->action != config::Action::kAccept ||
      !about(*let_in, flow)) {
    return cut;
  }
  const auto tags = let_in->condition.all_tags();
  if (let_in->condition.negate) {
    forbidden(cut, tags, *now.source);
  } else {
    missing(cut, tags, *now.source);
  }
  return cut;
}

void Forgotten::add(Cut cut) {
  if (cuts.size() < kTold) {
    cuts.push_back(std::move(cut));
  } else {
    ++beyond[cut.reason];
  }
}

}  // namespace postern::gateway::firewall
