#pragma once
// The agent itself.
#include "agent/collectors/collector.h"

namespace postern::agent {

void collect_agent(Facts& facts);

}  // namespace postern::agent
