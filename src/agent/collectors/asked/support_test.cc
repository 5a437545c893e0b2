#include "agent/collectors/asked/support.h"

#include <gtest/gtest.h>

#include "agent/collectors/asked/asked_lab.h"

namespace postern::agent {
namespace {

TEST(Day, IsADayOfTheCalendar) {
  EXPECT_EQ(parse_day("1970-01-02"), 86'400'000);
  EXPECT_EQ(parse_day("2028-06-30"), 1'845'936'000'000);
  for (const auto* bad : {"", "2028", "2028-06", "2028-02-30", "2028-6-30", "28-06-30", "2028-06-30 ", "abcd-ef-gh"}) {
    EXPECT_FALSE(parse_day(bad)) << bad;
  }
}

using SupportFamily = AskedLab;

TEST_F(SupportFamily, EndsWhenTheReleaseSaysSo) {
  EXPECT_EQ(said(keys::kSupportEnd), "unknown: unsupported");
  put("usr/lib/os-release", "ID=fedora\nSUPPORT_END=2028-06-30\n");
  EXPECT_EQ(said(keys::kSupportEnd), "1845936000000");
  put("etc/os-release", "ID=debian\n");
  EXPECT_EQ(said(keys::kSupportEnd), "unknown: unsupported");
  put("etc/os-release", "ID=debian\nSUPPORT_END=soon\n");
  EXPECT_EQ(said(keys::kSupportEnd), "unknown: failed");
}

}  // namespace
}  // namespace postern::agent
