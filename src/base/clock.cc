#include "base/clock.h"

#include <algorithm>
#include <ctime>

#include <fmt/format.h>

namespace postern {

Now SystemClock::now() const {
  timespec boot{};
  clock_gettime(CLOCK_BOOTTIME, &boot);
  return {std::chrono::time_point_cast<Millis>(std::chrono::system_clock::now()),
          MonoTime(std::chrono::seconds(boot.tv_sec) + std::chrono::nanoseconds(boot.tv_nsec))};
}

ManualClock::ManualClock(WallTime wall) : now_{wall, MonoTime(std::chrono::hours(1))} {}

void ManualClock::advance(std::chrono::nanoseconds by) {
  now_.mono += by;
  wall_rest_ += by;
  const auto whole = std::chrono::duration_cast<Millis>(wall_rest_);
  now_.wall += whole;
  wall_rest_ -= whole;
}

std::string to_iso8601(WallTime t) {
  constexpr std::int64_t kFirst = -62'135'596'800'000, kLast = 253'402'300'799'999;  // of the years 1 and 9999
  const auto ms = std::clamp(to_unix_ms(t), kFirst, kLast);
  std::time_t secs = static_cast<std::time_t>(ms >= 0 ? ms / 1000 : (ms - 999) / 1000);
  std::tm tm{};
  gmtime_r(&secs, &tm);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday,
                     tm.tm_hour, tm.tm_min, tm.tm_sec, ms - secs * 1000);
}

std::string to_asctime(WallTime t) {
  std::time_t secs = static_cast<std::time_t>(to_unix_ms(t) / 1000);
  std::tm tm{};
  localtime_r(&secs, &tm);
  char text[64];
  const auto length = std::strftime(text, sizeof text, "%a %b %e %H:%M:%S %Y", &tm);
  return std::string(text, length);
}

}  // namespace postern
