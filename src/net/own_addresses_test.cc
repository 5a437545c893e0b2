#include "net/own_addresses.h"

#include <gtest/gtest.h>

namespace postern::net {
namespace {

TEST(OwnAddresses, AreThoseOfThisMachineAndWhatAlwaysLeadsToIt) {
  for (const auto* own : {"127.0.0.1", "127.9.9.9", "::1", "0.0.0.0", "::", "::ffff:127.0.0.1"}) {
    EXPECT_TRUE(own_address(*IpAddress::parse(own))) << own;
  }
  // Set aside for documentation.
  for (const auto* other : {"192.0.2.77", "2001:db8::77"}) EXPECT_FALSE(own_address(*IpAddress::parse(other))) << other;
}

}  // namespace
}  // namespace postern::net
