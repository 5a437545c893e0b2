#include <gmock/gmock.h>

#include "posture/rules/rule_lab.h"

namespace postern::posture {
namespace time_rule {
namespace {

using namespace testing;
using ::testing::HasSubstr;
using enum Verdict;
using List = std::vector<std::string>;
using std::chrono::hours;
using std::chrono::minutes;

/// Monday, 5 January 2026, 0:00 UTC.
const WallTime kMonday{Millis(1'767'571'200'000)};

WallTime at(int day, int hour, int minute = 0) { return kMonday + hours(24 * day + hour) + minutes(minute); }

WallTime until(const Condition& condition, WallTime now) {
  const FactMap none;
  const FactView view(none, {now, {}});
  condition.judge(view);
  return view.until();
}

/// It holds from `begin` to just before `end`, says so beforehand on both sides, and again a week earlier and later.
void expect_window(const Condition& rule, WallTime begin, WallTime end) {
  for (const int week : {-2000, -1, 0, 1, 52}) {
    const WallTime b = begin + hours(24 * 7 * week), e = end + hours(24 * 7 * week);
    expect(rule, {}, kNoMatch, "outside_hours", {b - Millis(1), {}});
    expect(rule, {}, kMatch, "within_hours", {b, {}});
    expect(rule, {}, kMatch, "within_hours", {e - Millis(1), {}});
    expect(rule, {}, kNoMatch, "outside_hours", {e, {}});
    EXPECT_EQ(until(rule, b - Millis(1)), b) << week;
    EXPECT_EQ(until(rule, b), e) << week;
    EXPECT_EQ(until(rule, e - Millis(1)), e) << week;
  }
}

TEST(Time, HoursOfWorkingDays) {
  const auto rule = make("time", {{"weekdays", List{"mon", "tue", "wed", "thu", "fri"}}, {"from", "08:30"}, {"to", "17:00"}});
  for (int day = 0; day < 5; ++day) expect_window(*rule, at(day, 8, 30), at(day, 17));
  for (const int day : {5, 6}) expect(*rule, {}, kNoMatch, "outside_hours", {at(day, 12), {}});
  EXPECT_EQ(until(*rule, at(4, 17)), at(7, 8, 30));  // the weekend
  EXPECT_EQ(until(*rule, at(6, 23, 59)), at(7, 8, 30));
  EXPECT_EQ(until(*rule, at(1, 0)), at(1, 8, 30));
  EXPECT_TRUE(rule->timed());
  EXPECT_TRUE(rule->keys().empty());
  EXPECT_EQ(rule->describe(), "it is from 08:30 to 17:00 on mon, tue, wed, thu or fri (UTC)");
}

TEST(Time, WholeDaysAreOneWindowWhereTheyTouch) {
  const auto weekend = make("time", {{"weekdays", List{"sun", "sat"}}});
  expect_window(*weekend, at(5, 0), at(7, 0));
  const auto across = make("time", {{"weekdays", List{"sun", "mon"}}});
  expect_window(*across, at(6, 0), at(8, 0));
  EXPECT_EQ(until(*across, at(7, 5)), at(8, 0));
  const char* days[] = {"mon", "tue", "wed", "thu", "fri", "sat", "sun"};
  for (int day = 0; day < 7; ++day) expect_window(*make("time", {{"weekdays", List{days[day]}}}), at(day, 0), at(day + 1, 0));
  const auto evening = make("time", {{"from", "20:00"}, {"to", "24:00"}});
  for (int day = 0; day < 7; ++day) expect_window(*evening, at(day, 20), at(day, 24));
  EXPECT_EQ(weekend->describe(), "it is sun or sat (UTC)");
  EXPECT_EQ(evening->describe(), "it is from 20:00 to 24:00 (UTC)");
}

TEST(Time, AcrossMidnightBelongsToTheDayThatItBeginsOn) {
  const auto friday = make("time", {{"weekdays", List{"fri"}}, {"from", "22:00"}, {"to", "06:00"}});
  expect_window(*friday, at(4, 22), at(5, 6));
  expect(*friday, {}, kNoMatch, "outside_hours", {at(4, 3), {}});
  const auto sunday = make("time", {{"weekdays", List{"sun"}}, {"from", "22:00"}, {"to", "06:00"}});
  expect_window(*sunday, at(6, 22), at(7, 6));
  expect(*sunday, {}, kMatch, "within_hours", {at(0, 0), {}});
  const auto nightly = make("time", {{"from", "22:00"}, {"to", "06:00"}});
  for (int day = 0; day < 7; ++day) expect_window(*nightly, at(day, 22), at(day + 1, 6));
}

TEST(Time, ZonesMoveTheWindow) {
  const auto east = make("time", {{"weekdays", List{"mon"}}, {"from", "00:30"}, {"to", "08:00"}, {"zone", "+02:00"}});
  expect_window(*east, at(0, 0, 30) - hours(2), at(0, 6));  // begins on Sunday in UTC
  const auto west = make("time", {{"weekdays", List{"sun"}}, {"from", "20:00"}, {"to", "24:00"}, {"zone", "-03:30"}});
  expect_window(*west, at(6, 23, 30), at(7, 3, 30));
  for (const char* utc : {"Z", "UTC", "+00:00", "-00:00"}) {
    expect_window(*make("time", {{"weekdays", List{"tue"}}, {"zone", utc}}), at(1, 0), at(2, 0));
  }
  EXPECT_EQ(west->describe(), "it is from 20:00 to 24:00 on sun (-03:30)");
}

TEST(Time, Refusals) {
  EXPECT_THAT(refusal("time", {}), HasSubstr("give weekdays, or from and to, or both"));
  EXPECT_THAT(refusal("time", {{"from", "08:00"}}), HasSubstr("to: is missing; give both"));
  EXPECT_THAT(refusal("time", {{"to", "08:00"}}), HasSubstr("from: is missing; give both"));
  for (const char* bad : {"8:00", "08:60", "24:01", "25:00", "08-00", "0800", "08:0x"}) {
    EXPECT_THAT(refusal("time", {{"from", "00:00"}, {"to", bad}}), HasSubstr("is no time of day; write it as 08:30")) << bad;
  }
  EXPECT_THAT(refusal("time", {{"from", "24:00"}, {"to", "08:00"}}), HasSubstr("from: \"24:00\" is no time of day"));
  EXPECT_THAT(refusal("time", {{"from", "08:00"}, {"to", "08:00"}}), HasSubstr("to: is the same as from"));
  for (const char* bad : {"CET", "02:00", "+2:00", "+14:01", "+02.00", "*02:00"}) {
    EXPECT_THAT(refusal("time", {{"weekdays", List{"mon"}}, {"zone", bad}}), HasSubstr("is no offset from UTC; write it as +02:00"))
        << bad;
  }
  EXPECT_THAT(refusal("time", {{"weekdays", List{"monday"}}}), HasSubstr("mon, tue, wed, thu, fri, sat, sun"));
  EXPECT_THAT(refusal("time", {{"weekdays", List{"mon", "tue", "wed", "thu", "fri", "sat", "sun"}}}), HasSubstr("the whole week"));
  EXPECT_THAT(refusal("time", {{"from", "00:00"}, {"to", "24:00"}}), HasSubstr("the whole week"));
}

}  // namespace
}  // namespace time_rule
}  // namespace postern::posture
