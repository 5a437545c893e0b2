#include "base/rate_limit.h"

#include <gtest/gtest.h>

namespace postern {
namespace {

TEST(RateLimit, BurstThenRefill) {
  RateLimit limit(3, Seconds(10), 100);
  MonoTime now{};
  for (int i = 0; i < 3; ++i) EXPECT_EQ(limit.take("a", now), Seconds(0));
  EXPECT_EQ(limit.take("a", now), Seconds(10));
  EXPECT_EQ(limit.take("b", now), Seconds(0));
  now += Seconds(10);
  EXPECT_EQ(limit.take("a", now), Seconds(0));
  EXPECT_NE(limit.take("a", now), Seconds(0));
  limit.give_back("a");
  EXPECT_EQ(limit.take("a", now), Seconds(0));
}

TEST(RateLimit, RemembersABoundedNumberOfKeys) {
  RateLimit limit(1, Seconds(10), 10);
  for (int i = 0; i < 1000; ++i) limit.take(std::to_string(i), {});
  EXPECT_EQ(limit.size(), 10u);
  EXPECT_NE(limit.take("999", {}), Seconds(0));
}

TEST(RateLimit, AnIpv6NetworkCountsAsOne) {
  const auto key = [](const char* ip) { return attempt_key(*IpAddress::parse(ip)); };
  EXPECT_EQ(key("2001:db8::1"), key("2001:db8::ffff:1"));
  EXPECT_NE(key("2001:db8::1"), key("2001:db8:0:1::1"));
  EXPECT_NE(key("192.0.2.1"), key("192.0.2.2"));
}

}  // namespace
}  // namespace postern
