#pragma once
// /api/v2/cmdb and /api/v2/monitor themselves: what there is below them, for people who look around and for programs
// that build themselves from it.
#include "gateway/api/call.h"

namespace postern::gateway::api {

void serve_index(const CallPtr& call, bool cmdb);

}  // namespace postern::gateway::api
