#pragma once
// What the gateway counts while it runs; everything else that is exposed is read when somebody asks.
#include <optional>

#include "base/clock.h"
#include "gateway/metrics/change_timing.h"
#include "gateway/metrics/decision_counts.h"

namespace postern::gateway::metrics {

struct Counted {
  WallTime started{};
  DecisionCounts decisions;
  ChangeTiming timing;
  std::optional<MonoTime> lease_renewed;  ///< Of ec-shm, the last time.

  /// Nothing here allocates: it is called for each event of the data plane.
  void take(const ecshm::EventView& event) {
    decisions.count(event);
    if (event.type == ecshm::EventType::kCut) timing.cut(event);
  }
};

}  // namespace postern::gateway::metrics
