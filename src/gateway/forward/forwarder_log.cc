#include "gateway/forward/forwarder_log.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

namespace postern::gateway {

ForwarderLog::ForwarderLog(const Clock& clock, int file, Limits limits)
    : clock_(clock), file_(file), limits_(limits), left_(limits.burst), then_(clock.now().mono) {}

bool ForwarderLog::admit() {
  const auto now = clock_.now().mono;
  const double part = std::chrono::duration<double>(now - std::exchange(then_, now)) / std::chrono::duration<double>(limits_.refill);
  left_ = std::min<double>(limits_.burst, left_ + part * limits_.burst);
  if (left_ < 1) {
    ++left_out_;
    return false;
  }
  left_ -= 1;
  struct stat st {};
  if (::fstat(file_, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > limits_.bytes && ::ftruncate(file_, 0) == 0) {
    log_info("forward.log", "the log was full and is begun anew");
  }
  if (left_out_ > 0) {
    log_warning("forward.log", "lines were left out, for there were too many at once",
                {{"lines", std::to_string(std::exchange(left_out_, 0))}});
  }
  return true;
}

}  // namespace postern::gateway
