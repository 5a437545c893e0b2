#pragma once
// What the resolver's tests share: endpoints on the network of one interface, and the network's answers.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "gateway/addresses/resolver.h"

namespace postern::gateway {

class ResolverLab : public testing::Test {
 protected:
  static IpAddress ip(const char* text) { return *IpAddress::parse(text); }
  static MacAddress mac(const char* text) { return *MacAddress::parse(text); }

  inline static const MacAddress kGatewayMac = mac("02:09:0f:00:01:01");
  inline static const MacAddress kMac2 = mac("02:09:0f:00:01:02");
  inline static const MacAddress kMac3 = mac("02:09:0f:00:01:03");
  inline static const NeighbourKey kKey2 = {"port1", ip("10.0.1.2")};

  static Record endpoint(const char* uid, const char* address, MacAddress hardware) {
    Record r;
    r.key = {1, EndpointUid(uid)};
    r.registered = r.online = true;
    r.share_connected = true;
    r.public_ip = ip(address);
    r.interfaces = {{"eth0", hardware, {ip(address)}, true}};
    r.routes = {{"eth0", ip("10.0.1.1"), kGatewayMac, ip(address), false, 0}};
    return r;
  }

  ResolverLab() { resolver_.set_interfaces({{"port1", kGatewayMac, {{ip("10.0.1.1"), 24}}}}); }
  void present(const char* address, MacAddress hardware) {
    resolver_.set_neighbour({"port1", ip(address)}, {Neighbour::State::kPresent, hardware, false});
  }
  bool owns(const char* uid, const char* address) const {
    const auto* won = resolver_.find(ip(address));
    return won != nullptr && won->owner.uid.str() == uid;
  }
  Resolver resolver_;
};

}  // namespace postern::gateway
