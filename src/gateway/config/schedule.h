#pragma once
// When policies hold: spans of the week and spans of the calendar, in the machine's local time. Pure.
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"

namespace postern::gateway::config {

/// A minute as a clock on the wall shows it.
struct LocalMinute {
  int year = 0;
  unsigned month = 0, day = 0;  ///< 1..12, 1..31.
  unsigned minute = 0;          ///< Of the day, 0..1439.
  unsigned weekday = 0;         ///< 0: Sunday.
  friend bool operator==(const LocalMinute&, const LocalMinute&) = default;
};
/// By the machine's time zone (TZ, /etc/localtime). Thread: any.
LocalMinute local_minute(WallTime time);

struct WeeklySpan {
  unsigned days = 0;              ///< Bit 0: it begins on Sundays.
  unsigned start = 0, end = 0;    ///< Minutes of the day. end < start: until the next day; equal: around the clock.
};
/// The first minute is in it, the last is not. Of LocalMinute without its weekday.
struct CalendarSpan {
  LocalMinute start, end;
};

struct Schedules {
  std::map<std::string, WeeklySpan, std::less<>> weekly;
  std::map<std::string, CalendarSpan, std::less<>> once;
  std::map<std::string, std::vector<std::string>, std::less<>> groups;  ///< Holds while any member does.

  /// Does the schedule of this name hold? One that is not there holds never.
  bool holds(std::string_view name, const LocalMinute& now) const;
};

/// "08:30" in normal form.
unsigned minute_of_day(std::string_view time);
/// "08:30 2026/11/27" in normal form; the weekday is left out.
LocalMinute read_moment(std::string_view moment);

struct GatewayConfig;
/// Takes policies whose schedule does not hold out of force: as if their status were disable.
void keep_schedules(GatewayConfig& config, const LocalMinute& now);
/// Do the same policies hold at both moments?
bool same_policies_hold(const GatewayConfig& config, const LocalMinute& a, const LocalMinute& b);

}  // namespace postern::gateway::config
