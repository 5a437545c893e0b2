#include "policy/decide.h"

#include <algorithm>
#include <cstring>

#include "policy/regex.h"
#include "policy/table.h"

namespace postern::policy {
namespace {

bool from_source(const PolicyView& view, const blob::Policy& policy, const IpAddress& source) {
  const auto ranges = view.sources_of(policy);
  if (ranges.empty()) return true;
  if (!source.valid()) return false;
  const auto size = source.is_v4() ? 4u : 16u;
  for (const auto& range : ranges) {
    if ((range.is_v4 != 0) == source.is_v4() &&
        std::memcmp(range.first, source.bytes().data(), size) <= 0 &&
        std::memcmp(source.bytes().data(), range.last, size) <= 0) {
      return true;
    }
  }
  return false;
}

/// Unknown never grants, and never spares: `unknown` is what it counts as. No names are all.
bool by_interface(const PolicyView& view, std::span<const blob::Text> names,
                  std::string_view interface, bool unknown) {
  if (names.empty()) return true;
  if (interface.empty()) return unknown;
  for (const auto& name : names) {
    if (view.text(name) == interface) return true;
  }
  return false;
}

bool text_match(std::uint32_t pattern_kind, std::string_view pattern, std::string_view text) {
  switch (static_cast<Pattern>(pattern_kind)) {
    case Pattern::kWildcard:
      return wildcard_match(pattern, text);
    case Pattern::kRegex:
      return regex_match(as_bytes(pattern), text);
    case Pattern::kSubString:
      break;
  }
  return text.find(pattern) != std::string_view::npos;
}

const blob::ApiGateway* find_api_gateway(const PolicyView& view, const blob::Proxy& proxy,
                                         const RequestContext& request) {
  for (const auto& g : view.api_gateways_of(proxy)) {
    const auto host = view.text(g.host);
    if (!host.empty() && !text_match(g.host_pattern, host, request.host)) continue;
    if (text_match(g.url_pattern, view.text(g.url), request.path)) return &g;
  }
  return nullptr;
}

bool leads_to(const PolicyView& view, const blob::Policy& policy, std::uint32_t proxy, const blob::ApiGateway* gateway) {
  if (gateway == nullptr) return false;
  const auto all = view.destinations_of(policy);
  const auto before = [](const blob::Destination& a, const blob::Destination& b) {
    return a.proxy != b.proxy ? a.proxy < b.proxy : a.api_gateway < b.api_gateway;
  };
  return std::binary_search(all.begin(), all.end(), blob::Destination{proxy, gateway->id}, before);
}

/// Why the client is nobody we may judge by its posture; kNone when it is somebody. Age is judged
/// apart.
Reason identity_problem(const blob::Proxy& proxy, const EndpointState& endpoint,
                        const RequestContext& request) {
  switch (request.certificate) {
    case Certificate::kNone:
      return static_cast<EmptyCertAction>(proxy.empty_cert_action) ==
                         EmptyCertAction::kAcceptUnmanageable &&
                     request.manageable
                 ? Reason::kManageableEmpty
                 : Reason::kEmptyCertificate;
    case Certificate::kInvalid:
      return Reason::kInvalidCertificate;
    case Certificate::kVerified:
      break;
  }
  if (request.certificate_not_after <= request.now) return Reason::kInvalidCertificate;
  // Without a slot nobody can be asked once the gateway is gone: then the age is the reason, not
  // the endpoint.
  if (!endpoint.known) return endpoint.fresh ? Reason::kUnknownEndpoint : Reason::kStale;
  if (endpoint.blocked || !endpoint.registered) return Reason::kRevoked;
  if (endpoint.not_after <= request.now) return Reason::kInvalidCertificate;
  if (endpoint.quarantined) return Reason::kQuarantined;
  if (!endpoint.online) return Reason::kOffline;
  return Reason::kNone;
}

/// May this client enter where nobody is asked for a certificate?
bool open_to(const blob::Proxy& proxy, const RequestContext& request) {
  switch (static_cast<EmptyCertAction>(proxy.empty_cert_action)) {
    case EmptyCertAction::kAccept:
      return true;
    case EmptyCertAction::kAcceptUnmanageable:
      return request.certificate == Certificate::kNone && !request.manageable;
    case EmptyCertAction::kBlock:
      break;
  }
  return false;
}

bool group_holds(const blob::Policy& policy, const TagSet& group, const TagSet& has) {
  return static_cast<Match>(policy.match) == Match::kAll ? has.contains(group)
                                                         : (has & group).any();
}

bool holds(const blob::Policy& policy, const TagSet& has) {
  return group_holds(policy, policy.primary, has) &&
         (policy.has_secondary == 0 || group_holds(policy, policy.secondary, has));
}

/// Of the tags that the endpoint has not, those that would help: a group that holds needs none.
TagSet missing(const blob::Policy& policy, const TagSet& has) {
  if (policy.has_secondary == 0) return policy.tags - has;
  TagSet out;
  for (const auto* group : {&policy.primary, &policy.secondary}) {
    if (!group_holds(policy, *group, has)) out = out | (*group - has);
  }
  return out;
}

struct TagOutcome {
  bool matches = false;
  Reason reason =
      Reason::kNone;  ///< Why an accept policy does not match, or why a deny policy does.
  TagSet tags;
};

/// Tags of a policy against an endpoint in good standing. Unknown never grants and never spares:
/// where the policy lets in those who have a tag, unknown counts as absent; where it keeps them
/// out, as present.
TagOutcome judge_tags(const blob::Policy& policy, const EndpointState& endpoint) {
  const bool negate = policy.negate != 0;
  const bool accept = static_cast<Action>(policy.action) == Action::kAccept;
  const bool forbids = accept == negate;  // Having the tag works against the endpoint.
  const TagSet unknown = (endpoint.unknown & policy.tags) - endpoint.tags;
  const TagSet certain = endpoint.tags & policy.tags;

  TagOutcome out;
  if (forbids) {
    const TagSet counted = certain | (unknown - policy.ignore_unknown);
    out.matches = holds(policy, counted) != negate;
    const bool by_certain = holds(policy, certain);
    out.reason = by_certain ? Reason::kForbiddenTag : Reason::kPostureUnknown;
    out.tags = by_certain ? certain : counted - certain;
    return out;
  }
  out.matches = holds(policy, certain) != negate;
  const bool would_hold = holds(policy, certain | unknown);
  out.reason = would_hold ? Reason::kPostureUnknown : Reason::kMissingTag;
  out.tags = would_hold ? unknown : missing(policy, certain);
  return out;
}

}  // namespace

bool wildcard_match(std::string_view pattern, std::string_view text) {
  std::size_t p = 0, t = 0, star = std::string_view::npos, mark = 0;
  while (t < text.size()) {
    if (p < pattern.size() && (pattern[p] == '?' || (pattern[p] == text[t] && pattern[p] != '*'))) {
      ++p;
      ++t;
    } else if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      mark = t;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      t = ++mark;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

namespace {

/// `only`: of the access proxy's policies this one alone; null: all of them.
Decision judge(const PolicyView& view, const EndpointState& endpoint, const RequestContext& request,
               const blob::Policy* only) {
  Decision out;
  const auto* proxy = view.proxy(request.proxy);
  if (proxy == nullptr) {
    // Without a gateway there may be no table at all: then that is the reason, not the
    // configuration.
    out.reason = endpoint.fresh ? Reason::kNoPolicy : Reason::kStale;
    return out;
  }
  const Reason identity = identity_problem(*proxy, endpoint, request);
  const bool open = open_to(*proxy, request);
  // Why posture can't be read at all, if it can't.
  const Reason posture = identity != Reason::kNone ? identity
                         : endpoint.fresh          ? Reason::kNone
                                                   : Reason::kStale;

  const auto deny = [&](Reason reason, const blob::Policy* policy, const TagSet& tags = {}) {
    out.reason = reason;
    out.policy = policy != nullptr ? policy->id : 0;
    out.tags = tags;
    return out;
  };
  // Looked for once, and only where something hangs on it.
  bool looked = false;
  const blob::ApiGateway* found = nullptr;
  const auto asked_for = [&] {
    if (!looked) found = find_api_gateway(view, *proxy, request);
    looked = true;
    return found;
  };
  const auto accept = [&](const blob::Policy& policy, bool depends) {
    out.policy = policy.id;
    const auto* gateway = asked_for();
    if (gateway == nullptr) return deny(Reason::kNoApiGateway, &policy);
    out.api_gateway = gateway->id;
    if (gateway->pool == 0) return deny(Reason::kNoRealServer, &policy);
    out.allow = true;
    out.pool = gateway->pool;
    out.log = policy.log != 0;
    out.depends_on_endpoint = depends;
    return out;
  };

  if (!by_interface(view, view.interfaces_of(*proxy), request.interface, false)) {
    return deny(identity != Reason::kNone && !open ? identity : Reason::kNoPolicy, nullptr);
  }
  Reason first_reason = Reason::kNone;
  const blob::Policy* first_policy = nullptr;
  bool by_its_tags = false;  // What they say of it is worked out when it is needed.
  TagSet first_tags;
  const auto remember = [&](Reason reason, const blob::Policy& policy, const TagSet& tags) {
    if (first_policy != nullptr) return;
    first_policy = &policy;
    first_reason = reason;
    first_tags = tags;
  };

  bool nowhere = false;  // Some policy holds for certain destinations, and this is none at all.
  const auto all = view.policies_of(*proxy);
  const auto steps = only == nullptr && posture == Reason::kNone ? view.steps_of(*proxy) : std::span<const Step>();
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (!steps.empty() && steps[i].passes_over(endpoint.tags, endpoint.unknown)) {
      if (steps[i].accepts && first_policy == nullptr) {
        first_policy = &view.policies()[steps[i].policy];
        by_its_tags = true;
      }
      continue;
    }
    const auto& policy = view.policies()[all[i]];
    if (only != nullptr && &policy != only) continue;
    if (!from_source(view, policy, request.source)) continue;
    const bool accepts = static_cast<Action>(policy.action) == Action::kAccept;
    if (!by_interface(view, view.interfaces_of(policy), request.interface, !accepts)) continue;
    if (policy.has_destinations != 0 && !leads_to(view, policy, request.proxy, asked_for())) {
      nowhere = nowhere || found == nullptr;
      continue;
    }
    if (policy.has_tags == 0 && policy.has_users == 0) {
      if (!accepts)
        return deny(identity != Reason::kNone && !open ? identity : Reason::kDenyPolicy, &policy);
      if (open) return accept(policy, false);
      if (identity != Reason::kNone) return deny(identity, &policy);
      return accept(policy, true);
    }
    if (posture != Reason::kNone) {
      if (!accepts) return deny(posture, &policy);
      remember(posture, policy, {});
      continue;
    }
    if (policy.has_users != 0) {
      const auto counted = accepts ? endpoint.tags : endpoint.tags | endpoint.unknown;
      if (!(counted & policy.users).any()) {
        if (accepts) remember(Reason::kWrongUser, policy, policy.users);
        continue;
      }
      if (policy.has_tags == 0) return accepts ? accept(policy, true) : deny(Reason::kDenyPolicy, &policy);
    }
    const auto outcome = judge_tags(policy, endpoint);
    if (outcome.matches)
      return accepts ? accept(policy, true) : deny(outcome.reason, &policy, outcome.tags);
    if (accepts) remember(outcome.reason, policy, outcome.tags);
  }
  if (by_its_tags) {
    const auto outcome = judge_tags(*first_policy, endpoint);
    return deny(outcome.reason, first_policy, outcome.tags);
  }
  if (first_policy != nullptr) return deny(first_reason, first_policy, first_tags);
  const auto last = nowhere ? Reason::kNoApiGateway : Reason::kNoPolicy;
  return deny(identity != Reason::kNone && !open ? identity : last, nullptr);
}

}  // namespace

std::uint32_t api_gateway_of(const PolicyView& view, const RequestContext& request) {
  const auto* proxy = view.proxy(request.proxy);
  const auto* gateway = proxy != nullptr ? find_api_gateway(view, *proxy, request) : nullptr;
  return gateway != nullptr ? gateway->id : 0;
}

Decision decide(const PolicyView& view, const EndpointState& endpoint,
                const RequestContext& request) {
  return judge(view, endpoint, request, nullptr);
}

Decision decide_by(const PolicyView& view, const blob::Policy& policy,
                   const EndpointState& endpoint, const RequestContext& request) {
  return judge(view, endpoint, request, &policy);
}

}  // namespace postern::policy
