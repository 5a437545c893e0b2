#include "base/versions/debian.h"

#include <gtest/gtest.h>

#include <iterator>
#include <string>

namespace postern::versions {
namespace {

/// Every pair of an ascending list, in both directions.
template <std::size_t N>
void expect_ascending(const char* const (&versions)[N]) {
  for (std::size_t i = 0; i < N; ++i) {
    for (std::size_t j = 0; j < N; ++j) {
      EXPECT_EQ(compare_debian(versions[i], versions[j]), i <=> j) << versions[i] << " and " << versions[j];
    }
  }
}

TEST(DebianVersion, TildeSortsBeforeTheEnd) {
  expect_ascending({"1.0~~", "1.0~~a", "1.0~", "1.0~1", "1.0~rc1", "1.0", "1.0+b1"});
  expect_ascending({"590-2.1~deb12u1", "590-2.1~deb12u2", "590-2.1", "590-2.1+deb12u1"});
}

TEST(DebianVersion, LettersSortBeforeOtherSignsAndUpperCaseBeforeLower) {
  expect_ascending({"1.0", "1.0A", "1.0Z", "1.0a", "1.0z", "1.0+", "1.0."});
}

TEST(DebianVersion, NumbersAreComparedAsNumbers) {
  expect_ascending({"1.2", "1.9", "1.10", "1.99", "1.100", "2", "10"});
  const std::string long_number(200, '9');
  const std::string longer = "1" + std::string(200, '0');
  EXPECT_TRUE(compare_debian(long_number, longer) < 0);
  EXPECT_TRUE(compare_debian("1.001", "1.1") == 0);
  EXPECT_TRUE(compare_debian("1.a001", "1.a1") == 0);
}

TEST(DebianVersion, EpochGoesFirstAndRevisionLast) {
  expect_ascending({"9.9-9", "1:0.1-1", "1:0.1-2", "2:0", "10:0~"});
  expect_ascending({"1.0-1", "1.0-1+b1", "1.0-1.1", "1.0-2", "1.0-10", "1.0.1-1"});
  // Only the last hyphen begins the revision.
  expect_ascending({"1-1-1", "1-1-2", "1-2-1"});
}

TEST(DebianVersion, OneVersionInSeveralSpellings) {
  for (const char* other : {"0:1.0", "1.0-0", "0:1.0-0", "00:1.0-00", "1.00"})
    EXPECT_TRUE(compare_debian("1.0", other) == 0) << other;
}

TEST(DebianVersion, OfStableUpdatesBackportsAndRebuilds) {
  expect_ascending({"2.36-9+deb12u1", "2.36-9+deb12u4", "2.36-9+deb12u10", "2.37-1"});
  expect_ascending({"6.1.140-1~bpo11+1", "6.1.140-1", "6.1.140+1"});
  expect_ascending({"1:9.2p1-2", "1:9.2p1-2+deb12u1", "1:9.2p1-2+deb12u6", "1:9.3p1-1"});
  expect_ascending({"17.0.15+6-1~deb12u1", "17.0.15+6-1", "17.0.15+10-1", "17.0.21+9-1~deb12u1"});
}

TEST(DebianVersion, AnyTextHasItsPlace) {
  const char* odd[] = {"", "-", ":", "~", "a:1", "1:", "1 0", "\xff", "--", "1:2:3"};
  for (const char* a : odd) {
    for (const char* b : odd) {
      const auto forth = compare_debian(a, b);
      EXPECT_EQ(forth, 0 <=> compare_debian(b, a)) << a << " and " << b;
    }
  }
}

TEST(DebianVersion, ValidOnesAndOthers) {
  for (const char* good : {"0", "1:2.3-4", "2.36-9+deb12u10", "1.0~rc1", "1-2-3", "1:2:3", "v1.0"})
    EXPECT_TRUE(valid_debian(good)) << good;
  for (const char* bad : {"", "1.0-", ":1", "1:", "1:-1", "-1", "1 0", "1_0", "1.0\n", "a:1", "1-2:3", "1.\xc3\xa4"})
    EXPECT_FALSE(valid_debian(bad)) << bad;
  EXPECT_TRUE(valid_debian(std::string(kMaxVersionLength, '1')));
  EXPECT_FALSE(valid_debian(std::string(kMaxVersionLength + 1, '1')));
}

}  // namespace
}  // namespace postern::versions
