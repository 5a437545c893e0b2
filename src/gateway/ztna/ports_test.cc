#include "gateway/ztna/ports.h"

#include <gtest/gtest.h>

#include <optional>
#include <utility>

#include "gateway/ztna/loopback_lab.h"

namespace postern::gateway {
namespace {

NginxListener listener_at(const char* address, std::uint16_t port) {
  NginxListener out;
  out.address = *IpAddress::parse(address);
  out.port = port;
  return out;
}

TEST(Ports, TakenWhileAProgramListens) {
  std::optional<LoopbackListener> listener(std::in_place);
  const auto port = listener->port();
  const auto at = [&](const char* address) { return place_at(*IpAddress::parse(address), port); };
  EXPECT_EQ(at("127.0.0.1"), Place::kTaken);
  EXPECT_EQ(at("0.0.0.0"), Place::kTaken) << "every address includes that one";
  EXPECT_EQ(at("127.0.0.2"), Place::kFree);
  EXPECT_EQ(at("::1"), Place::kFree);
  listener.reset();
  EXPECT_EQ(at("127.0.0.1"), Place::kFree);
  EXPECT_EQ(at("192.0.2.1"), Place::kNowhere);
  EXPECT_EQ(at("2001:db8::1"), Place::kNowhere);
}

TEST(Ports, EveryAddressIsInTheWayOfOne) {
  EXPECT_TRUE(in_the_way(listener_at("0.0.0.0", 443), listener_at("10.0.0.1", 443)));
  EXPECT_TRUE(in_the_way(listener_at("fd00::1", 443), listener_at("::", 443)));
  EXPECT_FALSE(in_the_way(listener_at("0.0.0.0", 443), listener_at("0.0.0.0", 443))) << "the same: nginx keeps it";
  EXPECT_FALSE(in_the_way(listener_at("0.0.0.0", 443), listener_at("10.0.0.1", 444)));
  EXPECT_FALSE(in_the_way(listener_at("::", 443), listener_at("10.0.0.1", 443)));
  EXPECT_FALSE(in_the_way(listener_at("10.0.0.2", 443), listener_at("10.0.0.1", 443)));
}

}  // namespace
}  // namespace postern::gateway
