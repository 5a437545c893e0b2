#pragma once
// Asks all real servers again and again, on a thread of its own: nothing of it delays a decision.
#include <chrono>
#include <functional>
#include <memory>
#include <vector>

#include "gateway/health/check.h"
#include "net/loop.h"

namespace postern::gateway::health {

struct Timing {
  std::chrono::milliseconds interval{5'000};  ///< From one check of a server to the next.
  std::chrono::milliseconds timeout{2'000};   ///< Below the interval.
};

/// Thread: loop.
class Checker {
 public:
  /// Of a server that is still to be checked; on the loop.
  using Found = std::function<void(const Check&, Finding)>;
  /// `loop` outlives this.
  Checker(net::Loop& loop, Timing timing, Found found);
  ~Checker();
  Checker(const Checker&) = delete;

  /// What is checked from now on; new ones at once. Equal ones are checked once. At most kAtOnce at a time, the others wait.
  void use(std::vector<Check> checks);
  static constexpr std::size_t kAtOnce = 64;

 private:
  class Worker;
  std::shared_ptr<Worker> worker_;
};

}  // namespace postern::gateway::health
