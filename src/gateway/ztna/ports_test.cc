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
  EXPECT_TRUE(port_taken(*IpAddress::parse("127.0.0.1"), port));
  EXPECT_TRUE(port_taken(*IpAddress::parse("0.0.0.0"), port)) << "every address includes that one";
  EXPECT_FALSE(port_taken(*IpAddress::parse("127.0.0.2"), port));
  EXPECT_FALSE(port_taken(*IpAddress::parse("::1"), port));
  listener.reset();
  EXPECT_FALSE(port_taken(*IpAddress::parse("127.0.0.1"), port));
  EXPECT_FALSE(port_taken(*IpAddress::parse("192.0.2.1"), port)) << "not an address of this machine: another problem";
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
