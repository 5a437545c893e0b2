#pragma once
// Until when what was judged of each endpoint holds.
#include <functional>
#include <optional>
#include <queue>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "posture/population/planes.h"

namespace postern::posture {

/// Thread: one writer; readers beside readers.
class Deadlines {
 public:
  /// What was judged of `slot` holds until then; an earlier one stays. WallTime::max(): for ever.
  void note(Slot slot, WallTime until) {
    if (until == WallTime::max() || at(slot) <= until) return;
    if (slot >= times_.size()) times_.resize(slot + 1u, WallTime::max());
    times_[slot] = until;
    if (queue_.size() > 2 * times_.size() + 64) return rebuild();
    queue_.push({until, slot});
  }
  void clear(Slot slot) {
    if (slot < times_.size()) times_[slot] = WallTime::max();
    tidy();
  }
  std::optional<WallTime> next() const { return queue_.empty() ? std::nullopt : std::optional(queue_.top().first); }
  /// One whose time has come.
  std::optional<Slot> due(WallTime now) const {
    return queue_.empty() || queue_.top().first > now ? std::nullopt : std::optional(queue_.top().second);
  }
  std::size_t memory_bytes() const { return times_.capacity() * sizeof(WallTime) + queue_.size() * sizeof(Entry); }

 private:
  using Entry = std::pair<WallTime, Slot>;
  WallTime at(Slot slot) const { return slot < times_.size() ? times_[slot] : WallTime::max(); }
  void rebuild() {
    std::vector<Entry> entries;
    for (Slot slot = 0; slot < times_.size(); ++slot) {
      if (times_[slot] != WallTime::max()) entries.emplace_back(times_[slot], slot);
    }
    queue_ = decltype(queue_)(std::greater<>(), std::move(entries));
  }
  /// The first entry is one that holds; others may be of what was judged before.
  void tidy() {
    while (!queue_.empty() && at(queue_.top().second) != queue_.top().first) queue_.pop();
  }

  std::vector<WallTime> times_;
  std::priority_queue<Entry, std::vector<Entry>, std::greater<>> queue_;
};

}  // namespace postern::posture
