#pragma once
// What this process costs the machine, under the names that every Prometheus client library gives.
#include "base/clock.h"
#include "gateway/metrics/exposition.h"

namespace postern::gateway::metrics {

/// What the kernel doesn't say is left out.
void expose_process(Exposition& out, WallTime started);

}  // namespace postern::gateway::metrics
