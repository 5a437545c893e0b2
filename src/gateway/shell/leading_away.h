#pragma once
// Where open sessions lead to that the configuration does not lead to any more.
#include <map>
#include <vector>

#include "ecshm/clear.h"
#include "gateway/core/gateway_core.h"
#include "gateway/shell/proxy_plan.h"

namespace postern::gateway {

/// Orders to end what goes on to real servers that `before` had for an API gateway and `now` has not, and to destinations of
/// forwarded TCP that no API gateway of the access proxy has now. An API gateway that is gone needs none: no policy lets its
/// requests go on. Pure.
std::vector<ecshm::ClearOrder> led_away(const ProxyPlan& before, const ProxyPlan& now,
                                        const std::map<Sha256, GatewayCore::SessionsByPlace>& sessions);
/// Of such orders those that still hold: what they end is not led to by `now` again. Pure.
std::vector<ecshm::ClearOrder> still_away(std::vector<ecshm::ClearOrder> orders, const ProxyPlan& now);

}  // namespace postern::gateway
