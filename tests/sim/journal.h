#pragma once
// What happened in one simulation: counts by kind, the last events as text, and the first thing that must never happen.
#include <array>
#include <deque>
#include <string>

#include <fmt/format.h>

#include "base/clock.h"
#include "kinds.h"

namespace postern::sim {

class Journal {
 public:
  /// `print`: every event goes to standard output as it happens.
  explicit Journal(bool print) : print_(print) {}

  void set_time(MonoTime now) { now_ = now; }
  template <class... Args>
  void note(Kind kind, fmt::format_string<Args...> text, Args&&... args) {
    ++counts_[static_cast<std::size_t>(kind)];
    line(kind_name(kind), fmt::format(text, std::forward<Args>(args)...));
  }
  /// For the trace alone.
  template <class... Args>
  void say(fmt::format_string<Args...> text, Args&&... args) {
    line("", fmt::format(text, std::forward<Args>(args)...));
  }
  /// Something that must never happen. Only the first is kept: what follows may be its consequence.
  template <class... Args>
  void violation(fmt::format_string<Args...> text, Args&&... args) {
    if (!violation_.empty()) return;
    violation_ = fmt::format(text, std::forward<Args>(args)...);
    line("VIOLATION", violation_);
  }

  bool failed() const { return !violation_.empty(); }
  const std::string& violation() const { return violation_; }
  const std::array<std::size_t, kKinds>& counts() const { return counts_; }
  std::size_t count(Kind kind) const { return counts_[static_cast<std::size_t>(kind)]; }
  /// The last 50 events, oldest first, a line each.
  std::string tail() const;

 private:
  void line(std::string_view kind, std::string text);

  bool print_;
  MonoTime now_{};
  std::array<std::size_t, kKinds> counts_{};
  std::deque<std::string> tail_;
  std::string violation_;
};

}  // namespace postern::sim
