#pragma once
// One value that somebody was promised to be kept, while requests to change it are under way: what was confirmed last,
// and what may have come after it without being confirmed.
#include <algorithm>
#include <cstdint>
#include <deque>

namespace postern::sim {

template <class T>
class Promise {
 public:
  explicit Promise(T initial = {}) { may_be_.push_back({0, std::move(initial)}); }

  using Request = std::uint64_t;
  Request ask(T value) {
    may_be_.push_back({++last_, std::move(value)});
    return last_;
  }
  void confirmed(Request request) {
    // What was asked for before is overwritten by it.
    while (may_be_.front().request < request) may_be_.pop_front();
  }
  void refused(Request request) {
    std::erase_if(may_be_, [&](const Entry& e) { return e.request == request && e.request != 0; });
  }
  bool allows(const T& value) const {
    return std::any_of(may_be_.begin(), may_be_.end(), [&](const Entry& e) { return e.value == value; });
  }
  /// The one who keeps it has begun anew with this: nothing is under way any more.
  void settle(T value) {
    may_be_.clear();
    may_be_.push_back({0, std::move(value)});
  }

 private:
  struct Entry {
    Request request;
    T value;
  };
  std::deque<Entry> may_be_;
  Request last_ = 0;
};

}  // namespace postern::sim
