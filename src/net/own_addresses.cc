#include "net/own_addresses.h"

#include <ifaddrs.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>

namespace postern::net {
namespace {

IpAddress address_of(const sockaddr* from) {
  if (from == nullptr) return {};
  std::array<std::uint8_t, 16> bytes{};
  if (from->sa_family == AF_INET) {
    std::memcpy(bytes.data(), &reinterpret_cast<const sockaddr_in*>(from)->sin_addr, 4);
    return IpAddress::v4({bytes[0], bytes[1], bytes[2], bytes[3]});
  }
  if (from->sa_family != AF_INET6) return {};
  std::memcpy(bytes.data(), &reinterpret_cast<const sockaddr_in6*>(from)->sin6_addr, bytes.size());
  return IpAddress::v6(bytes);
}

}  // namespace

bool own_address(const IpAddress& address) {
  if (address.is_loopback() || address.is_unspecified()) return true;
  ifaddrs* list = nullptr;
  if (getifaddrs(&list) != 0) return true;
  const std::unique_ptr<ifaddrs, void (*)(ifaddrs*)> owner(list, freeifaddrs);
  for (const auto* one = list; one != nullptr; one = one->ifa_next) {
    if (address_of(one->ifa_addr) == address) return true;
  }
  return false;
}

}  // namespace postern::net
