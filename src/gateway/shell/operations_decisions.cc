// LiveOperations: what the policies say to a request of the past.
#include <algorithm>

#include <fmt/format.h>

#include "base/text.h"
#include "gateway/shell/operations.h"
#include "gateway/ztna/decision_trace.h"
#include "gateway/ztna/shm_actions.h"

namespace postern::gateway {
namespace {

std::vector<std::string> names_of_tags(const GatewayCore& core, const policy::TagSet& tags) {
  std::vector<std::string> out;
  for (const auto& [name, tag] : core.tags().entries()) {
    if (tags.test(tag.bit)) out.push_back(name);
  }
  std::sort(out.begin(), out.end());
  return out;
}

/// `by`: the interface by which the request came; empty: not known.
std::string what_it_says(const GatewayCore& core, const DecisionTrace::Policy& p, const std::string& by) {
  using policy::Reason;
  const auto& d = p.alone;
  const auto tags = join(names_of_tags(core, d.tags), ", ");
  if (!p.source_fits) return "does not match: the request comes from an address that is none of its srcaddr";
  if (!p.interface_fits && (p.accepts || !by.empty())) {
    return by.empty() ? "does not match: it asks for an interface, and by which interface the request came is not in the log"
                      : fmt::format("does not match: the request came by {}, which is not its srcintf, or not the virtual address's extintf", by);
  }
  if (!p.destination_fits) return "does not match: the real servers behind this host and path are not within its dstaddr";
  if (d.allow) return "matches, and lets it through";
  if (d.reason == Reason::kNoApiGateway || d.reason == Reason::kNoRealServer) {
    return fmt::format("matches, but {}", policy::reason_text(d.reason));
  }
  if (!p.accepts) {
    if (d.reason == Reason::kNoPolicy) return "does not match: the endpoint's tags or its user are not those that it refuses";
    return fmt::format("refuses: {}{}{}", policy::reason_text(d.reason), tags.empty() ? "" : ": ", tags);
  }
  return fmt::format("does not match: {}{}{}", policy::reason_text(d.reason), tags.empty() ? "" : ": ", tags);
}

}  // namespace

Result<cli::DecisionAgain> LiveOperations::decide_again(const cli::PastRequest& past) {
  const auto& core = *context_.core;
  policy::RequestContext request;
  request.proxy = past.proxy;
  request.host = past.host;
  request.path = past.path;
  request.source = past.source;
  request.interface = past.interface;
  request.now = context_.now().wall;
  if (past.invalid_certificate) request.certificate = policy::Certificate::kInvalid;
  policy::EndpointState endpoint;
  endpoint.fresh = true;
  if (past.leaf) {
    request.certificate = policy::Certificate::kVerified;
    // What it said of itself is not in the log; with a record it is in there.
    request.certificate_not_after = WallTime::max();
    if (const auto it = core.slots().find(*past.leaf); it != core.slots().end()) {
      const auto& s = it->second;
      const auto connector = core.connectors().find(s.owner.connector);
      const bool fresh = connector != core.connectors().end() && !connector->second.stale;
      endpoint = {true,    s.online,      s.registered,        s.quarantined,        s.blocked,
                  fresh,   s.not_after,   to_tag_set(s.tags),  to_tag_set(s.unknown)};
      request.certificate_not_after = s.not_after;
    }
  }
  const auto trace = trace_decision(parts_.nginx.policies(), endpoint, request);
  if (!trace) return fail(trace.error());
  cli::DecisionAgain out;
  out.allowed = trace->whole.allow;
  out.policy = trace->whole.policy;
  if (!out.allowed) {
    out.reason = fmt::format("{} ({})", policy::reason_code(trace->whole.reason), policy::reason_name(trace->whole.reason));
    out.reason_text = policy::reason_text(trace->whole.reason);
  }
  out.endpoint_known = endpoint.known;
  policy::TagSet named;
  for (const auto& tag : parts_.nginx.policies().tags) named.set(tag.bit);
  for (const auto& [name, tag] : core.tags().entries()) {
    if (!endpoint.known || !named.test(tag.bit)) continue;
    if (endpoint.tags.test(tag.bit)) out.tags.push_back(name);
    if (endpoint.unknown.test(tag.bit)) out.unknown_tags.push_back(name);
  }
  std::sort(out.tags.begin(), out.tags.end());
  std::sort(out.unknown_tags.begin(), out.unknown_tags.end());
  for (const auto& p : trace->policies) out.policies.push_back({p.id, p.name, p.accepts, what_it_says(core, p, past.interface)});
  return out;
}

}  // namespace postern::gateway
