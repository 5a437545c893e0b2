#include "gateway/ztna/ports.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

namespace postern::gateway {
namespace {

NginxListener at(const char* address, std::uint16_t port) {
  NginxListener out;
  out.address = *IpAddress::parse(address);
  out.port = port;
  return out;
}

TEST(Ports, TakenWhileAProgramListens) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  ASSERT_EQ(bind(fd, reinterpret_cast<sockaddr*>(&address), size), 0);
  ASSERT_EQ(listen(fd, 1), 0);
  ASSERT_EQ(getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size), 0);
  const auto port = ntohs(address.sin_port);
  EXPECT_TRUE(port_taken(*IpAddress::parse("127.0.0.1"), port));
  EXPECT_TRUE(port_taken(*IpAddress::parse("0.0.0.0"), port)) << "every address includes that one";
  EXPECT_FALSE(port_taken(*IpAddress::parse("127.0.0.2"), port));
  EXPECT_FALSE(port_taken(*IpAddress::parse("::1"), port));
  close(fd);
  EXPECT_FALSE(port_taken(*IpAddress::parse("127.0.0.1"), port));
  EXPECT_FALSE(port_taken(*IpAddress::parse("192.0.2.1"), port)) << "not an address of this machine: another problem";
}

TEST(Ports, EveryAddressIsInTheWayOfOne) {
  EXPECT_TRUE(in_the_way(at("0.0.0.0", 443), at("10.0.0.1", 443)));
  EXPECT_TRUE(in_the_way(at("fd00::1", 443), at("::", 443)));
  EXPECT_FALSE(in_the_way(at("0.0.0.0", 443), at("0.0.0.0", 443))) << "the same: nginx keeps it";
  EXPECT_FALSE(in_the_way(at("0.0.0.0", 443), at("10.0.0.1", 444)));
  EXPECT_FALSE(in_the_way(at("::", 443), at("10.0.0.1", 443)));
  EXPECT_FALSE(in_the_way(at("10.0.0.2", 443), at("10.0.0.1", 443)));
}

}  // namespace
}  // namespace postern::gateway
