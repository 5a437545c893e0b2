#pragma once
// One clock for everything that is measured on this machine.
#include <ctime>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace postern::bench {

using Nanos = std::int64_t;

inline Nanos read_clock(clockid_t clock) {
  timespec t{};
  clock_gettime(clock, &t);
  return t.tv_sec * 1'000'000'000LL + t.tv_nsec;
}
inline Nanos now() { return read_clock(CLOCK_MONOTONIC); }

inline timespec to_timespec(Nanos t) { return {t / 1'000'000'000, t % 1'000'000'000}; }

inline void sleep_until(Nanos when) {
  const timespec t = to_timespec(when);
  while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, nullptr) == EINTR) {}
}

/// Ends the program: a benchmark that cannot measure says why and measures nothing.
[[noreturn]] inline void give_up(const char* what) {
  std::fprintf(stderr, "%s: %s\n", what, std::strerror(errno));
  std::exit(1);
}

}  // namespace postern::bench
