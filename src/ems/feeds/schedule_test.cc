#include "ems/feeds/schedule.h"

#include <gtest/gtest.h>

#include <set>

namespace postern::ems {
namespace {

TEST(FeedSchedule, ComesBackAfterItsIntervalGiveOrTakeATenth) {
  SeededRandom random(1);
  std::set<Seconds> seen;
  for (int i = 0; i < 200; ++i) {
    const auto delay = feed_delay(Seconds(21'600), 0, random);
    EXPECT_GE(delay, Seconds(19'440));
    EXPECT_LE(delay, Seconds(23'760));
    seen.insert(delay);
  }
  EXPECT_GT(seen.size(), 100u);  // not all EMSs at once
}

TEST(FeedSchedule, AfterFailuresSoonerAndThenMoreSlowly) {
  SeededRandom random(1);
  const std::pair<unsigned, Seconds::rep> cases[] = {{1, 60}, {2, 120}, {4, 480}, {7, 3600}, {8, 3600}, {4'000'000'000u, 3600}};
  for (const auto& [failures, about] : cases) {
    const auto delay = feed_delay(Seconds(21'600), failures, random).count();
    EXPECT_GE(delay, about - about / 10) << failures;
    EXPECT_LE(delay, about + about / 10) << failures;
  }
  EXPECT_LE(feed_delay(Seconds(300), 10, random), Seconds(330));
}

}  // namespace
}  // namespace postern::ems
