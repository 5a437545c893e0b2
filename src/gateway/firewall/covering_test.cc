#include "gateway/firewall/covering.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace postern::gateway::firewall {
namespace {

std::vector<std::string> covered(std::vector<const char*> addresses, std::size_t most) {
  std::vector<IpAddress> list;
  for (const auto* text : addresses) list.push_back(*IpAddress::parse(text));
  std::vector<std::string> out;
  for (const auto& r : cover(std::move(list), most)) out.push_back(r.first.str() + "-" + r.last.str());
  return out;
}

using List = std::vector<std::string>;

TEST(CoveringTest, NeighboursAreOneRange) {
  EXPECT_EQ(covered({}, 3), List{});
  EXPECT_EQ(covered({"10.0.1.2"}, 0), List{"10.0.1.2-10.0.1.2"});
  EXPECT_EQ(covered({"10.0.1.255", "10.0.1.7", "10.0.2.0", "10.0.2.0"}, 8), (List{"10.0.1.7-10.0.1.7", "10.0.1.255-10.0.2.0"}));
}

TEST(CoveringTest, TheSmallestGapsAreFilledFirst) {
  const std::vector<const char*> some = {"10.0.1.2", "10.0.1.4", "10.0.1.9", "10.9.0.1"};
  EXPECT_EQ(covered(some, 4).size(), 4u);
  EXPECT_EQ(covered(some, 3), (List{"10.0.1.2-10.0.1.4", "10.0.1.9-10.0.1.9", "10.9.0.1-10.9.0.1"}));
  EXPECT_EQ(covered(some, 2), (List{"10.0.1.2-10.0.1.9", "10.9.0.1-10.9.0.1"}));
  EXPECT_EQ(covered(some, 1), List{"10.0.1.2-10.9.0.1"});
  // Gaps of one size: no more ranges than asked for.
  EXPECT_EQ(covered({"10.0.1.0", "10.0.1.2", "10.0.1.4", "10.0.1.6"}, 2), (List{"10.0.1.0-10.0.1.0", "10.0.1.2-10.0.1.6"}));
}

TEST(CoveringTest, Ipv6) {
  EXPECT_EQ(covered({"2001:db8::ffff:ffff:ffff:ffff", "2001:db8:0:1::", "::1", "ff00::"}, 9),
            (List{"::1-::1", "2001:db8::ffff:ffff:ffff:ffff-2001:db8:0:1::", "ff00::-ff00::"}));
}

TEST(CoveringTest, EveryAddressIsCoveredByNoMoreRangesThanAskedFor) {
  std::mt19937 random(7);
  for (int round = 0; round < 500; ++round) {
    std::vector<IpAddress> list;
    for (unsigned i = 0, n = random() % 40; i < n; ++i) {
      list.push_back(IpAddress::v4({10, 0, static_cast<std::uint8_t>(random() % 2), static_cast<std::uint8_t>(random() % 64)}));
    }
    const std::size_t most = 1 + random() % 20;
    const auto ranges = cover(list, most);
    ASSERT_LE(ranges.size(), most);
    for (std::size_t i = 1; i < ranges.size(); ++i) ASSERT_LT(ranges[i - 1].last, ranges[i].first);
    for (const auto& ip : list) {
      ASSERT_TRUE(std::any_of(ranges.begin(), ranges.end(), [&](const auto& r) { return r.first <= ip && ip <= r.last; }));
    }
  }
}

}  // namespace
}  // namespace postern::gateway::firewall
