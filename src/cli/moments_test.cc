#include "cli/moments.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <time.h>

namespace postern::cli {
namespace {

class Moments : public testing::Test {
 protected:
  Moments() { zone("UTC"); }
  ~Moments() override { zone("UTC"); }
  static void zone(const char* name) {
    setenv("TZ", name, 1);
    tzset();
  }
  static WallTime at(const char* text) { return *read_iso8601(text); }
  std::string parsed(const char* text) const {
    const auto moment = parse_moment(text, now_);
    return moment ? to_iso8601(*moment) : "error: " + moment.error().message;
  }
  WallTime now_ = at("2026-11-26T10:00:00Z");
};

TEST_F(Moments, WhatPeopleType) {
  EXPECT_EQ(parsed("-2h"), "2026-11-26T08:00:00.000Z");
  EXPECT_EQ(parsed("-90s"), "2026-11-26T09:58:30.000Z");
  EXPECT_EQ(parsed("-1w"), "2026-11-19T10:00:00.000Z");
  EXPECT_EQ(parsed("09:05"), "2026-11-26T09:05:00.000Z");
  EXPECT_EQ(parsed("10:05"), "2026-11-25T10:05:00.000Z");  // still to come today: yesterday's
  EXPECT_EQ(parsed("2026-11-26 09:30"), "2026-11-26T09:30:00.000Z");
  EXPECT_EQ(parsed("2026-11-25"), "2026-11-25T00:00:00.000Z");
  EXPECT_EQ(parsed("2026-11-26T09:30:01.25Z"), "2026-11-26T09:30:01.250Z");
  EXPECT_EQ(parsed("2026-11-26T09:30:00+01:00"), "2026-11-26T08:30:00.000Z");
  EXPECT_EQ(parsed("yesterday"), "2026-11-25T10:00:00.000Z");
}

TEST_F(Moments, WithoutAZoneItIsLocalTime) {
  zone("CET-1");
  EXPECT_EQ(parsed("2026-11-26 10:30"), "2026-11-26T09:30:00.000Z");
  EXPECT_EQ(parsed("10:59"), "2026-11-26T09:59:00.000Z");
  EXPECT_EQ(moment_text(now_), "26 Nov 2026, 11:00:00 CET");
}

TEST_F(Moments, WhatIsNoneIsRefused) {
  for (const char* text :
       {"", "soon", "-", "-2", "-2x", "2026-02-30", "2026-11-26 25:00", "10", "1e3", "2026-11-26T10:00:00+1:00"}) {
    EXPECT_TRUE(parsed(text).starts_with("error: \"")) << text << ": " << parsed(text);
  }
  EXPECT_EQ(parsed("2026-11-26 10:01"), "error: 26 Nov 2026, 10:01:00 UTC is still to come");
}

TEST_F(Moments, AgesAreSaidInTheLargestUnit) {
  EXPECT_EQ(age_text(Millis(900)), "just now");
  EXPECT_EQ(age_text(Millis(12'000)), "12 seconds ago");
  EXPECT_EQ(age_text(Millis(60'000)), "1 minute ago");
  EXPECT_EQ(age_text(Millis(3 * 3'600'000), "earlier"), "3 hours earlier");
  EXPECT_EQ(age_text(Millis(50LL * 3'600'000)), "2 days ago");
  EXPECT_EQ(short_age(Millis(125'000)), "2 min");
}

TEST_F(Moments, WithinATextTheyBecomeLocal) {
  zone("CET-1");
  EXPECT_EQ(with_local_times("kept until 2026-11-26T10:02:00.433Z, then ü 12 Z"),
            "kept until 26 Nov 2026, 11:02:00 CET, then ü 12 Z");
  EXPECT_EQ(with_local_times("2026-11-26T10:02:00Z"), "26 Nov 2026, 11:02:00 CET");
  EXPECT_EQ(with_local_times("2026-99-26T10:02:00Z"), "2026-99-26T10:02:00Z");
}

TEST_F(Moments, WhatIsToCome) {
  const auto until = [&](const char* text) {
    const auto moment = parse_until(text, now_);
    return moment ? to_iso8601(*moment) : "error: " + moment.error().message;
  };
  EXPECT_EQ(until("30d"), "2026-12-26T10:00:00.000Z");
  EXPECT_EQ(until(" 12h "), "2026-11-26T22:00:00.000Z");
  EXPECT_EQ(until("2026-12-31"), "2026-12-31T00:00:00.000Z");
  EXPECT_EQ(until("2026-12-31 18:30"), "2026-12-31T18:30:00.000Z");
  EXPECT_EQ(until("2026-12-31T18:30:00+01:00"), "2026-12-31T17:30:00.000Z");
  for (const char* text : {"", "soon", "-30d", "+30d", "30", "1y", "yesterday", "now", "10:05", "31.12.2026", "2026-02-30"}) {
    EXPECT_EQ(until(text), std::string("error: \"") + text +
                               "\" is no moment to come; write 30d, 12h, 2026-12-31, '2026-12-31 18:00' or 2026-12-31T18:00:00Z");
  }
  EXPECT_EQ(until("2026-11-26"), "error: \"2026-11-26\" is 26 Nov 2026, 00:00:00 UTC, which is not to come");
  EXPECT_TRUE(std::string_view(until("0d")).starts_with("error: ")) << until("0d");
  zone("CET-1");
  EXPECT_EQ(until("2026-12-31"), "2026-12-30T23:00:00.000Z");
}

TEST_F(Moments, Spans) {
  EXPECT_EQ(parse_span("7d")->count(), 7 * 24 * 3600);
  EXPECT_EQ(parse_span("30m")->count(), 1800);
  for (const char* text : {"", "7", "d", "-7d", "7 d", "99999999999d"}) EXPECT_FALSE(parse_span(text)) << text;
}

}  // namespace
}  // namespace postern::cli
