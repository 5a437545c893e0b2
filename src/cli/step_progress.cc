#include "cli/step_progress.h"

#include <fmt/format.h>

namespace postern::cli {
namespace {

constexpr Millis kQuiet{1000};
constexpr Millis kBetween{250};

}  // namespace

StepProgress::StepProgress(Terminal& terminal, const Clock& clock, std::size_t total, std::string what)
    : terminal_(terminal), clock_(clock), total_(total), what_(std::move(what)), next_(clock.now().mono + kQuiet) {}

StepProgress::~StepProgress() {
  if (said_) terminal_.err("\r\x1b[K");
}

void StepProgress::step() {
  ++done_;
  const auto now = clock_.now().mono;
  if (!terminal_.look().progress || now < next_) return;
  next_ = now + kBetween;
  said_ = true;
  terminal_.err(fmt::format("\r\x1b[K{} of {} {}", done_, total_, what_));
}

}  // namespace postern::cli
