#pragma once
// How much of a processor something may use: two per cent over time, with something saved up for what changes after a rest.
// Pure.
#include <algorithm>
#include <chrono>

#include "base/clock.h"

namespace postern::agent {

class Allowance {
 public:
  using Cost = std::chrono::nanoseconds;  ///< Of a processor.
  static constexpr int kPart = 50;        ///< One fiftieth: two per cent.

  /// `most` is what can be saved up; it begins full.
  explicit Allowance(Cost most) : most_(most), left_(most) {}

  void spend(MonoTime now, Cost cost) {
    gain(now);
    left_ -= cost;
  }
  /// How long to rest until something is left again; 0: nothing has to rest.
  std::chrono::nanoseconds wait(MonoTime now) {
    gain(now);
    return left_ > Cost(0) ? std::chrono::nanoseconds(0) : (Cost(1) - left_) * kPart;
  }

 private:
  void gain(MonoTime now) {
    if (now <= at_) return;
    left_ = std::min(most_, left_ + std::chrono::duration_cast<Cost>(now - at_) / kPart);
    at_ = now;
  }

  Cost most_, left_;
  MonoTime at_{};
};

}  // namespace postern::agent
