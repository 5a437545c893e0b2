#include "gateway/ztna/decision_trace.h"

#include <algorithm>

#include "policy/compile.h"
#include "policy/view.h"

namespace postern::gateway {
namespace {

bool comes_from(const policy::Policy& policy, const IpAddress& source) {
  return policy.sources.empty() || std::any_of(policy.sources.begin(), policy.sources.end(),
                                               [&](const IpRange& range) { return range.contains(source); });
}

bool comes_by(const std::vector<std::string>& interfaces, std::string_view interface) {
  return interfaces.empty() || std::find(interfaces.begin(), interfaces.end(), interface) != interfaces.end();
}

}  // namespace

Result<DecisionTrace> trace_decision(const policy::PolicyTable& table, const policy::EndpointState& endpoint,
                                     const policy::RequestContext& request) {
  const auto proxy = std::find_if(table.proxies.begin(), table.proxies.end(),
                                  [&](const policy::Proxy& each) { return each.id == request.proxy; });
  if (proxy == table.proxies.end()) return fail(ErrorCode::kNotFound, "the access proxy is not configured any more");
  // Once for all of them: expressions of paths take long to make.
  const auto blob = policy::compile(table);
  if (!blob) return fail(blob.error());
  const auto view = policy::PolicyView::open(*blob);
  if (!view) return fail(view.error());
  const policy::Destination asked{request.proxy, policy::api_gateway_of(*view, request)};
  DecisionTrace out;
  out.whole = policy::decide(*view, endpoint, request);
  for (std::size_t i = 0; i < table.policies.size(); ++i) {
    const auto& policy = table.policies[i];
    if (std::find(policy.proxies.begin(), policy.proxies.end(), request.proxy) == policy.proxies.end()) continue;
    out.policies.push_back({policy.id, policy.name, policy.action == policy::Action::kAccept, comes_from(policy, request.source),
                            comes_by(policy.interfaces, request.interface) && comes_by(proxy->interfaces, request.interface),
                            !policy.destinations || std::find(policy.destinations->begin(), policy.destinations->end(),
                                                              asked) != policy.destinations->end(),
                            policy::decide_by(*view, view->policies()[i], endpoint, request)});
  }
  return out;
}

}  // namespace postern::gateway
