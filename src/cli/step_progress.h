#pragma once
// How far something of many steps is, on a terminal.
#include <cstddef>
#include <optional>
#include <string>

#include "base/clock.h"
#include "cli/terminal.h"

namespace postern::cli {

/// After a second, and then a few times in each, says how many are done; leaves nothing behind. Nothing where nobody looks.
class StepProgress {
 public:
  /// "12 of 90 <what>".
  StepProgress(Terminal& terminal, const Clock& clock, std::size_t total, std::string what);
  ~StepProgress();
  StepProgress(const StepProgress&) = delete;
  StepProgress& operator=(const StepProgress&) = delete;

  void step();

 private:
  Terminal& terminal_;
  const Clock& clock_;
  std::size_t total_, done_ = 0;
  std::string what_;
  MonoTime next_;  ///< When to say it.
  bool said_ = false;
};

}  // namespace postern::cli
