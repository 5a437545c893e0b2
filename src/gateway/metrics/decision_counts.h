#pragma once
// What the access proxies decided, by action and reason, and which routed connections were ended.
#include <array>
#include <cstdint>

#include "ecshm/event.h"
#include "gateway/metrics/exposition.h"

namespace postern::gateway::metrics {

/// `count` allocates nothing. Thread: one.
class DecisionCounts {
 public:
  void count(const ecshm::EventView& event);
  void count_forward(policy::Reason reason, std::uint64_t connections);
  void expose(Exposition& out) const;

 private:
  static constexpr std::size_t kReasons = 128;  // past every reason's number

  std::uint64_t accepted_ = 0;
  std::uint64_t bytes_ = 0;
  std::array<std::uint64_t, kReasons> denied_{}, cut_{}, forward_cut_{};
};

}  // namespace postern::gateway::metrics
