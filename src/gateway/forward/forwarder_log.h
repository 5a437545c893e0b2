#pragma once
// What the forwarder says, bounded: clients cause lines, and the file lies in memory (/run) for as long as a forwarder lives,
// which may be months.
#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <string>

#include "base/clock.h"
#include "base/log.h"

namespace postern::gateway {

/// Thread: one.
class ForwarderLog {
 public:
  struct Limits {
    unsigned burst = 100;                        ///< Lines at once; so many again after `refill`.
    std::chrono::nanoseconds refill{60'000'000'000};
    off_t bytes = 1 << 20;                       ///< The file is begun anew past so many.
  };
  /// `file`: where log() writes to, a regular file that is written at its end; anything else is not truncated. It and `clock`
  /// outlive this.
  ForwarderLog(const Clock& clock, int file, Limits limits);
  ForwarderLog(const Clock& clock, int file) : ForwarderLog(clock, file, Limits{}) {}

  /// Whether to write a line now. The first one behind lines that were left out says how many they were.
  bool admit();

 private:
  const Clock& clock_;
  const int file_;
  const Limits limits_;
  double left_;
  MonoTime then_;
  std::uint64_t left_out_ = 0;
};

}  // namespace postern::gateway
