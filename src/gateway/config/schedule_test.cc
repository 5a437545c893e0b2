#include "gateway/config/schedule.h"

#include <gtest/gtest.h>

#include "gateway/config/model.h"

namespace postern::gateway::config {
namespace {

constexpr unsigned kSunday = 1, kMonday = 1 << 1, kFriday = 1 << 5;

/// Of the week from Sunday 2026-11-22 on.
LocalMinute week(unsigned weekday, unsigned hour, unsigned minute) {
  return {2026, 11, 22 + weekday, hour * 60 + minute, weekday};
}

Schedules weekly(unsigned days, const char* start, const char* end) {
  Schedules out;
  out.weekly["s"] = {days, minute_of_day(start), minute_of_day(end)};
  return out;
}

TEST(Schedule, HoldsFromItsFirstMinuteToBeforeItsLast) {
  const auto s = weekly(kMonday | kFriday, "08:30", "17:00");
  EXPECT_FALSE(s.holds("s", week(1, 8, 29)));
  EXPECT_TRUE(s.holds("s", week(1, 8, 30)));
  EXPECT_TRUE(s.holds("s", week(1, 16, 59)));
  EXPECT_FALSE(s.holds("s", week(1, 17, 0)));
  EXPECT_FALSE(s.holds("s", week(2, 12, 0)));
  EXPECT_TRUE(s.holds("s", week(5, 12, 0)));
}

TEST(Schedule, OverMidnightItBelongsToTheDayOnWhichItBegins) {
  const auto s = weekly(kFriday, "22:00", "06:00");
  EXPECT_FALSE(s.holds("s", week(5, 5, 0)));
  EXPECT_FALSE(s.holds("s", week(5, 21, 59)));
  EXPECT_TRUE(s.holds("s", week(5, 22, 0)));
  EXPECT_TRUE(s.holds("s", week(6, 5, 59)));
  EXPECT_FALSE(s.holds("s", week(6, 6, 0)));
  EXPECT_TRUE(weekly(1 << 6, "22:00", "06:00").holds("s", week(0, 1, 0))) << "Saturday's, on Sunday";
}

TEST(Schedule, AroundTheClockEndsWithTheDay) {
  const auto whole = weekly(kSunday, "00:00", "00:00");
  EXPECT_TRUE(whole.holds("s", week(0, 0, 0)));
  EXPECT_TRUE(whole.holds("s", week(0, 23, 59)));
  EXPECT_FALSE(whole.holds("s", week(1, 0, 0)));
  const auto from_six = weekly(kSunday, "06:00", "06:00");
  EXPECT_FALSE(from_six.holds("s", week(0, 5, 59)));
  EXPECT_TRUE(from_six.holds("s", week(1, 5, 59)));
  EXPECT_FALSE(from_six.holds("s", week(1, 6, 0)));
}

TEST(Schedule, OnceIsOnceAndAGroupHoldsWithAnyOfIts) {
  Schedules s = weekly(kMonday, "08:00", "09:00");
  s.once["move"] = {read_moment("22:00 2026/11/24"), read_moment("02:00 2026/11/25")};
  s.groups["g"] = {"s", "move"};
  EXPECT_FALSE(s.holds("move", week(2, 21, 59)));
  EXPECT_TRUE(s.holds("move", week(2, 22, 0)));
  EXPECT_TRUE(s.holds("move", week(3, 1, 59)));
  EXPECT_FALSE(s.holds("move", week(3, 2, 0)));
  EXPECT_TRUE(s.holds("g", week(1, 8, 0)));
  EXPECT_TRUE(s.holds("g", week(3, 0, 0)));
  EXPECT_FALSE(s.holds("g", week(4, 0, 0)));
  EXPECT_FALSE(s.holds("nobody knows it", week(1, 8, 0)));
}

TEST(Schedule, PoliciesAreInForceWhileTheirScheduleHolds) {
  GatewayConfig c;
  c.schedules = weekly(kMonday, "08:00", "09:00");
  c.schedules.weekly["always"] = {127, 0, 0};
  c.proxy_policies.resize(2);
  c.proxy_policies[1].schedule = "s";
  c.firewall_policies.resize(1);
  c.firewall_policies[0].schedule = "s";
  EXPECT_TRUE(same_policies_hold(c, week(1, 8, 0), week(1, 8, 59)));
  EXPECT_FALSE(same_policies_hold(c, week(1, 8, 59), week(1, 9, 0)));
  auto before = c;
  keep_schedules(before, week(1, 7, 59));
  EXPECT_TRUE(before.proxy_policies[0].enabled);
  EXPECT_FALSE(before.proxy_policies[1].enabled);
  EXPECT_FALSE(before.firewall_policies[0].enabled);
  keep_schedules(c, week(1, 8, 0));
  EXPECT_TRUE(c.proxy_policies[1].enabled);
  c.proxy_policies[1].enabled = false;
  keep_schedules(c, week(1, 8, 0));
  EXPECT_FALSE(c.proxy_policies[1].enabled) << "a schedule enables nothing";
}

TEST(Schedule, LocalTimeIsTheMachines) {
  const auto now = from_unix_ms(1'795'737'600'000);  // 2026-11-27 00:00 UTC
  ::setenv("TZ", "UTC0", 1);
  EXPECT_EQ(local_minute(now), (LocalMinute{2026, 11, 27, 0, 5}));
  ::setenv("TZ", "XXX5", 1);  // five hours behind
  EXPECT_EQ(local_minute(now), (LocalMinute{2026, 11, 26, 19 * 60, 4}));
  ::unsetenv("TZ");
}

}  // namespace
}  // namespace postern::gateway::config
