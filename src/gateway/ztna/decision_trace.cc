#include "gateway/ztna/decision_trace.h"

#include <algorithm>

#include "policy/compile.h"
#include "policy/view.h"

namespace postern::gateway {
namespace {

Result<policy::Decision> judged_by(const policy::PolicyTable& table, const policy::EndpointState& endpoint,
                                   const policy::RequestContext& request) {
  const auto blob = policy::compile(table);
  if (!blob) return fail(blob.error());
  const auto view = policy::PolicyView::open(*blob);
  if (!view) return fail(view.error());
  return policy::decide(*view, endpoint, request);
}

bool comes_from(const policy::Policy& policy, const IpAddress& source) {
  return policy.sources.empty() || std::any_of(policy.sources.begin(), policy.sources.end(),
                                               [&](const IpRange& range) { return range.contains(source); });
}

bool comes_by(const policy::Policy& policy, std::string_view interface) {
  return policy.interfaces.empty() ||
         std::find(policy.interfaces.begin(), policy.interfaces.end(), interface) != policy.interfaces.end();
}

}  // namespace

Result<DecisionTrace> trace_decision(const policy::PolicyTable& table, const policy::EndpointState& endpoint,
                                     const policy::RequestContext& request) {
  const auto proxy = std::find_if(table.proxies.begin(), table.proxies.end(),
                                  [&](const policy::Proxy& each) { return each.id == request.proxy; });
  if (proxy == table.proxies.end()) return fail(ErrorCode::kNotFound, "the access proxy is not configured any more");
  DecisionTrace out;
  const auto whole = judged_by(table, endpoint, request);
  if (!whole) return fail(whole.error());
  out.whole = *whole;
  policy::PolicyTable one{{*proxy}, {}, table.tags};
  for (const auto& policy : table.policies) {
    if (std::find(policy.proxies.begin(), policy.proxies.end(), request.proxy) == policy.proxies.end()) continue;
    one.policies = {policy};
    one.policies[0].proxies = {proxy->id};
    const auto alone = judged_by(one, endpoint, request);
    if (!alone) return fail(alone.error());
    out.policies.push_back({policy.id, policy.name, policy.action == policy::Action::kAccept,
                            comes_from(policy, request.source), comes_by(policy, request.interface), *alone});
  }
  return out;
}

}  // namespace postern::gateway
