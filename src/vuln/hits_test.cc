#include "vuln/hits.h"

#include <gtest/gtest.h>

#include "vuln/test_records.h"

namespace postern::vuln {
namespace {

constexpr const char* kHigh = R"(,"database_specific":{"urgency":"high"})";

TEST(Hits, AreWhatIsOpenInOneVersion) {
  const auto set = set_of(fixed_in("CVE-2024-0001", "a", "2", kHigh) + fixed_in("CVE-2024-0002", "a", "3") +
                          record("CVE-2024-0003", affected("a", R"({"introduced":"2"})")));
  const auto source = set->source("Debian:12", "a");
  ASSERT_TRUE(source);
  CveNumbers numbers;
  const auto hits = hits_in(*source, "1", numbers);
  ASSERT_EQ(hits.size(), 2u);
  EXPECT_EQ(hits[0].advisory->cve, "CVE-2024-0001");
  EXPECT_EQ(hits[0].fixed, "2");
  EXPECT_EQ(hits[0].standing, Standing::kHigh);
  EXPECT_EQ(hits[1].standing, Standing::kUnknownWithFix);
  const auto later = hits_in(*source, "2", numbers);
  ASSERT_EQ(later.size(), 2u);
  EXPECT_EQ(later[0].number, hits[1].number);  // one vulnerability, one number
  EXPECT_EQ(later[1].standing, Standing::kUnknownWithoutFix);
  EXPECT_EQ(numbers.size(), 3u);
}

TEST(Tally, CountsEachOnceAtItsHighestAndBeginsAnew) {
  Tally tally;
  tally.add(7, Standing::kLow, false);
  tally.add(7, Standing::kCritical, true);
  tally.add(7, Standing::kMedium, false);
  tally.add(0, Standing::kUnknownWithFix, false);
  tally.add(1, Standing::kUnknownWithoutFix, false);
  EXPECT_EQ(tally.finish(), (Tally::Result{{.critical = 1, .unknown = 2, .unknown_fixable = 1}, 1}));
  tally.add(7, Standing::kInfo, false);
  EXPECT_EQ(tally.finish(), (Tally::Result{{.info = 1}, 0}));
  EXPECT_EQ(tally.finish(), Tally::Result());
}

TEST(CveNumbers, AreStaleWhenMostOfThemAreOfThePast) {
  CveNumbers numbers;
  const auto set = set_of(fixed_in("CVE-2024-0001", "a", "2"));
  for (int i = 0; i < 4000; ++i) numbers.of("CVE-2020-" + std::to_string(10000 + i));
  EXPECT_FALSE(numbers.stale(*set));
  for (int i = 0; i < 200; ++i) numbers.of("CVE-2021-" + std::to_string(10000 + i));
  EXPECT_TRUE(numbers.stale(*set));
}

}  // namespace
}  // namespace postern::vuln
