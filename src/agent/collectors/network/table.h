#pragma once
// The kernel's tables of links, addresses, default routes and neighbours as one value, kept by rtnetlink's messages,
// and the facts that follow from it. Pure.
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/hex.h"
#include "base/ip.h"
#include "posture/fact.h"

namespace postern::agent {

class NetworkTable {
 public:
  enum class Change {
    kNone,      ///< Nothing that a fact depends on.
    kFacts,     ///< Facts may differ.
    kRoutes,    ///< A default route came or went: read the routes anew (a replaced one leaves no message of its own).
  };
  /// Takes one datagram of RTM_NEW… and RTM_DEL… messages, of an event or of a dump.
  Change apply(ByteView datagram);

  void clear();
  void clear_routes() { routes_.clear(); }

  std::vector<posture::Interface> interfaces() const;  ///< All but loopback that are up, by index.
  std::vector<std::string> macs() const;               ///< Distinct, ascending.
  using GatewayMacs = std::map<std::pair<int, IpAddress>, MacAddress>;  ///< By interface index and address.
  /// Default routes of the main table, IPv4 first, then by metric. A tunnel that takes both halves of the address space
  /// (as OpenVPN does it) is a default route too. `kept`: addresses of gateways of which no neighbour is known.
  std::vector<posture::Route> routes(const GatewayMacs& kept = {}) const;
  struct Gateway {
    int link = 0;
    IpAddress ip;
    MacAddress mac;           ///< Not valid when no neighbour is known.
    std::uint32_t falls = 0;  ///< How often the link has lost its carrier, as the kernel counts it.
  };
  std::vector<Gateway> gateways() const;  ///< Of default routes over links that are up.
  /// Links that went down or away since the last call, as far as events told: they may be up again by now.
  std::set<int> take_fallen() { return std::exchange(fallen_, {}); }
  /// Gateways of default routes whose hardware address is not known: interface index and address.
  std::vector<std::pair<int, IpAddress>> unresolved_gateways() const;
  bool tunnel_up() const;  ///< An interface of a VPN's kind is up.

 private:
  struct Link {
    std::string name;
    MacAddress mac;
    unsigned flags = 0;
    std::string kind;  // "tun", "wireguard", "veth", ...; empty for hardware
    unsigned short type = 0;
    std::uint32_t falls = 0;
    bool up() const;
    bool vpn() const;
  };
  struct Address {
    IpAddress ip;
    std::uint8_t prefix = 0;
    bool global = false;
  };
  struct DefaultRoute {
    bool v4 = true;
    bool half = false;  // 0.0.0.0/1 or ::/1
    int link = 0;
    IpAddress gateway;
    IpAddress source;
    std::uint32_t metric = 0;
  };

  Change apply_link(std::uint16_t type, ByteView payload);
  Change apply_address(std::uint16_t type, ByteView payload);
  Change apply_route(std::uint16_t type, ByteView payload);
  Change apply_neighbour(std::uint16_t type, ByteView payload);
  void add_nexthops(const DefaultRoute& route, ByteView nexthops);
  IpAddress source_of(const DefaultRoute& route) const;

  std::map<int, Link> links_;
  std::map<int, std::vector<Address>> addresses_;
  std::vector<DefaultRoute> routes_;
  GatewayMacs neighbours_;
  std::set<int> fallen_;
};

}  // namespace postern::agent
