#pragma once
// A seed's decisions.
#include <chrono>
#include <cstdint>
#include <vector>

#include "base/random.h"

namespace postern::sim {

using Nanos = std::chrono::nanoseconds;

class Dice {
 public:
  explicit Dice(std::uint64_t seed) : random_(seed) {}

  std::size_t below(std::size_t bound) { return static_cast<std::size_t>(random_.below(bound)); }
  bool chance(unsigned percent) { return random_.below(100) < percent; }
  /// Uniform, in whole microseconds.
  template <class A, class B>
  Nanos between(A low, B high) {
    const auto from = std::chrono::duration_cast<std::chrono::microseconds>(low).count();
    const auto to = std::chrono::duration_cast<std::chrono::microseconds>(high).count();
    return std::chrono::microseconds(from + static_cast<std::int64_t>(below(static_cast<std::size_t>(to - from + 1))));
  }
  template <class T>
  const T& pick(const std::vector<T>& from) {
    return from[below(from.size())];
  }
  std::uint64_t seed() { return random_.next_u64(); }

 private:
  SeededRandom random_;
};

}  // namespace postern::sim
