#pragma once
// Which live sessions a considered change of a tag would cut. Pure: nothing changes.
#include <vector>

#include "base/clock.h"
#include "gateway/core/gateway_core.h"
#include "policy/view.h"

namespace postern::gateway {

/// Judged by the policies in force and by what is known of each endpoint, once as it is and once with the tag as the
/// question has it. A session counts once, however many requests are open on it. By UID.
std::vector<proto::fabric::SessionsCut> sessions_cut(const GatewayCore& core, const policy::PolicyView& policies,
                                                     ConnectorId connector, const proto::fabric::WhatIf& question,
                                                     WallTime now);

}  // namespace postern::gateway
