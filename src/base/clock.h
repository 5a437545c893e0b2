#pragma once
// Time, injected. Cores never read a clock: they are given `Now`. Mains take it from SystemClock, tests from
// ManualClock.
#include <chrono>
#include <cstdint>
#include <string>

namespace postern {

using Millis = std::chrono::milliseconds;
using Seconds = std::chrono::seconds;

/// Wall time, for people and certificates. Milliseconds since 1970-01-01 UTC. May jump.
using WallTime = std::chrono::time_point<std::chrono::system_clock, Millis>;

/// Tag type of MonoTime: CLOCK_BOOTTIME, which goes on while the machine sleeps and never jumps.
struct BootClock {
  using duration = std::chrono::nanoseconds;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<BootClock>;
  static constexpr bool is_steady = true;
};
/// Monotonic time, for intervals, deadlines and leases.
using MonoTime = BootClock::time_point;

/// Both readings of one instant.
struct Now {
  WallTime wall{};
  MonoTime mono{};
};

class Clock {
 public:
  virtual ~Clock() = default;
  virtual Now now() const = 0;  ///< Thread: any.
};

class SystemClock final : public Clock {
 public:
  Now now() const override;
};

/// Stands still until told. Wall and monotonic time move together unless set apart.
class ManualClock final : public Clock {
 public:
  explicit ManualClock(WallTime wall = WallTime(Millis(1'780'000'000'000)));
  Now now() const override { return now_; }
  void advance(std::chrono::nanoseconds by);
  void set_wall(WallTime wall) { now_.wall = wall; }

 private:
  Now now_;
  std::chrono::nanoseconds wall_rest_{0};  // below a millisecond, so that many small steps add up
};

inline std::int64_t to_unix_ms(WallTime t) { return t.time_since_epoch().count(); }
inline WallTime from_unix_ms(std::int64_t ms) { return WallTime(Millis(ms)); }

/// "2026-11-24T14:02:03.123Z".
std::string to_iso8601(WallTime t);
/// "Wed Nov 26 16:43:21 2025" in local time (TZ): the C asctime form that the gateway's CLI prints.
std::string to_asctime(WallTime t);

}  // namespace postern
