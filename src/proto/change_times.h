#pragma once
// When what a gateway is told began: for measuring how long a change takes, and for nothing else.
#include <algorithm>
#include <optional>

#include "base/clock.h"

namespace postern::proto {

/// Empty: not known, or no endpoint's report led to the change.
struct ChangeTimes {
  std::optional<WallTime> fact;   ///< Collected, by the endpoint's clock.
  std::optional<WallTime> heard;  ///< Reported, by the EMS's clock.

  bool known() const { return fact || heard; }
  /// Of several changes the oldest counts.
  void join(const ChangeTimes& other) {
    const auto older = [](std::optional<WallTime>& mine, const std::optional<WallTime>& theirs) {
      if (theirs) mine = mine ? std::min(*mine, *theirs) : *theirs;
    };
    older(fact, other.fact);
    older(heard, other.heard);
  }
  friend bool operator==(const ChangeTimes&, const ChangeTimes&) = default;
};

}  // namespace postern::proto
