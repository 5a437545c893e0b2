#pragma once
// Simulated time: what is to happen, in order. Two things at one instant happen in the order in which they were
// planned.
#include <functional>
#include <map>
#include <utility>

#include "base/clock.h"
#include "dice.h"
#include "journal.h"

namespace postern::sim {

class Timeline {
 public:
  explicit Timeline(Journal& journal) : journal_(journal) { journal_.set_time(now_); }

  MonoTime now() const { return now_; }
  void at(MonoTime when, std::function<void()> call) {
    plans_.emplace(std::pair(std::max(when, now_), next_++), std::move(call));
  }
  void after(Nanos wait, std::function<void()> call) { at(now_ + wait, std::move(call)); }
  /// Everything up to `until`, unless something must-never happened.
  void run_until(MonoTime until) {
    while (!plans_.empty() && plans_.begin()->first.first <= until && !journal_.failed()) {
      auto node = plans_.extract(plans_.begin());
      set(node.key().first);
      node.mapped()();
    }
    if (!journal_.failed()) set(until);
  }

 private:
  void set(MonoTime now) {
    now_ = now;
    journal_.set_time(now);
  }

  Journal& journal_;
  MonoTime now_{std::chrono::hours(1)};
  std::uint64_t next_ = 0;
  std::map<std::pair<MonoTime, std::uint64_t>, std::function<void()>> plans_;
};

}  // namespace postern::sim
