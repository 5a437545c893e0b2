#pragma once
// How long a change of an endpoint takes until nginx knows it, and until nginx has cut what it ends.
#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/sha256.h"
#include "ecshm/event.h"
#include "gateway/metrics/exposition.h"
#include "gateway/metrics/histogram.h"
#include "proto/change_times.h"

namespace postern::gateway::metrics {

/// Changes are remembered for as long as a cut may follow from them, the last of each certificate, in room that never
/// grows. `published` and `cut` allocate nothing. Thread: one.
class ChangeTiming {
 public:
  /// A cut this long after the last change of its endpoint comes of something else.
  static constexpr Seconds kRemember{60};

  ChangeTiming();

  /// Workers have been told of `leaf`'s change, which came to this gateway at `arrived`.
  void published(Now now, const Sha256& leaf, const proto::ChangeTimes& times, Now arrived);
  /// A delta's changes were told: counted once, however many certificates it changed.
  void told(Now now, const proto::ChangeTimes& times, Now arrived);
  /// Policies are others now: what is cut from here on may be theirs.
  void policies_changed();
  /// A worker has cut a request.
  void cut(const ecshm::EventView& event);

  void expose(Exposition& out) const;

 private:
  struct Change {
    Sha256 leaf{};
    proto::ChangeTimes times;
    WallTime arrived{}, published{};
    bool used = false;
  };
  /// By where the time is taken from.
  struct Since {
    Histogram fact, ems, gateway;
  };
  static void expose(Exposition& out, const Since& since);

  std::vector<Change> changes_;  // a certificate's place is given by its digest
  Since published_, cut_;
};

}  // namespace postern::gateway::metrics
