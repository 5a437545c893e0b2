#pragma once
// Which live sessions a considered change of tags would cut. Pure: nothing changes.
#include <vector>

#include "base/clock.h"
#include "gateway/core/gateway_core.h"
#include "policy/table.h"
#include "policy/view.h"

namespace postern::gateway {

/// Judged by what is known of each endpoint, once as it is and once with the tags as the question has them. `would`: the
/// policies as they would be then, which differ from those in force where a tag's on_unknown does. A session counts once,
/// however many requests are open on it. By UID.
std::vector<proto::fabric::SessionsCut> sessions_cut(const GatewayCore& core, const policy::PolicyView& policies, const policy::PolicyView& would,
                                                     ConnectorId connector, const proto::fabric::WhatIf& question,
                                                     WallTime now);

/// The tags' on_unknown in `table` as the question has it. True: some is another.
bool apply_on_unknown(const GatewayCore& core, ConnectorId connector, const proto::fabric::WhatIf& question,
                      policy::PolicyTable& table);

}  // namespace postern::gateway
