#pragma once
// How long something took, in buckets: a count for each, no memory of single values.
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace postern::gateway::metrics {

/// Upper ends in seconds, ascending. What is longer than the last is in the total alone.
inline constexpr std::array<double, 15> kBuckets = {0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25,
                                                    0.5,   1,      2.5,   5,    10,    30,   60};

/// `observe` allocates nothing. Thread: one.
class Histogram {
 public:
  /// Less than nothing (two clocks that disagree) counts as nothing.
  void observe(std::chrono::nanoseconds took) {
    const double seconds = took.count() > 0 ? static_cast<double>(took.count()) / 1e9 : 0;
    std::size_t bucket = 0;
    while (bucket < kBuckets.size() && seconds > kBuckets[bucket]) ++bucket;
    ++counts_[bucket];
    ++total_;
    sum_ += seconds;
  }
  /// How many were at most kBuckets[bucket].
  std::uint64_t up_to(std::size_t bucket) const {
    std::uint64_t out = 0;
    for (std::size_t i = 0; i <= bucket; ++i) out += counts_[i];
    return out;
  }
  std::uint64_t total() const { return total_; }
  double sum() const { return sum_; }

 private:
  std::array<std::uint64_t, kBuckets.size() + 1> counts_{};
  std::uint64_t total_ = 0;
  double sum_ = 0;
};

}  // namespace postern::gateway::metrics
