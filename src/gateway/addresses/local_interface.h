#pragma once
// One of this gateway's own interfaces, with what is on its networks.
#include <string>
#include <vector>

#include "base/ip.h"

namespace postern::gateway {

struct LocalInterface {
  std::string name;
  MacAddress mac;
  struct Address {
    IpAddress ip;
    unsigned prefix = 0;
    bool covers(const IpAddress& other) const;  ///< Is it of this address's network?
    friend bool operator==(const Address&, const Address&) = default;
  };
  std::vector<Address> addresses;
  bool has(const IpAddress& ip) const;  ///< As an address of its own.
  bool on_network(const IpAddress& ip) const;
  friend bool operator==(const LocalInterface&, const LocalInterface&) = default;
};

}  // namespace postern::gateway
