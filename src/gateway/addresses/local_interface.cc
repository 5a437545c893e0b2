#include "gateway/addresses/local_interface.h"

#include <algorithm>

namespace postern::gateway {

bool LocalInterface::Address::covers(const IpAddress& other) const {
  if (ip.is_v4() != other.is_v4()) return false;
  unsigned bits = prefix;
  for (std::size_t i = 0; bits > 0; ++i) {
    const unsigned take = std::min(bits, 8u);
    const auto mask = static_cast<std::uint8_t>(0xff00u >> take);
    if ((ip.bytes()[i] & mask) != (other.bytes()[i] & mask)) return false;
    bits -= take;
  }
  return true;
}

bool LocalInterface::has(const IpAddress& wanted) const {
  return std::any_of(addresses.begin(), addresses.end(), [&](const Address& a) { return a.ip == wanted; });
}

bool LocalInterface::on_network(const IpAddress& other) const {
  return std::any_of(addresses.begin(), addresses.end(), [&](const Address& net) { return net.covers(other); });
}

}  // namespace postern::gateway
