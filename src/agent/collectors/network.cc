#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netpacket/packet.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>
#include <map>

#include "agent/collectors/collector.h"
#include "agent/collectors/parse.h"
#include "base/file.h"
#include "posture/fact_keys.h"

namespace postern::agent {
namespace {

namespace keys = posture::keys;
using posture::UnknownReason;

/// /proc's files have no size and are read as what they are: read_file takes regular files, which these are.
Result<std::string> proc(const Facts& facts, const char* path) { return read_file(facts.path(path), 4 << 20); }

std::map<std::string, posture::Interface> read_interfaces() {
  std::map<std::string, posture::Interface> out;
  ifaddrs* list = nullptr;
  if (getifaddrs(&list) != 0) return out;
  for (const auto* at = list; at != nullptr; at = at->ifa_next) {
    if ((at->ifa_flags & IFF_LOOPBACK) != 0) continue;
    auto& interface = out[at->ifa_name];
    interface.name = at->ifa_name;
    interface.up = (at->ifa_flags & (IFF_UP | IFF_RUNNING)) == (IFF_UP | IFF_RUNNING);
    if (at->ifa_addr == nullptr) continue;
    if (at->ifa_addr->sa_family == AF_PACKET) {
      const auto* link = reinterpret_cast<const sockaddr_ll*>(at->ifa_addr);
      if (link->sll_halen != 6) continue;
      std::array<std::uint8_t, 6> mac;
      std::copy(link->sll_addr, link->sll_addr + 6, mac.begin());
      interface.mac = MacAddress(mac);
    } else if (at->ifa_addr->sa_family == AF_INET) {
      std::array<std::uint8_t, 4> raw;
      std::memcpy(raw.data(), &reinterpret_cast<const sockaddr_in*>(at->ifa_addr)->sin_addr, 4);
      interface.addresses.push_back(IpAddress::v4(raw));
    } else if (at->ifa_addr->sa_family == AF_INET6) {
      std::array<std::uint8_t, 16> raw;
      std::memcpy(raw.data(), &reinterpret_cast<const sockaddr_in6*>(at->ifa_addr)->sin6_addr, 16);
      interface.addresses.push_back(IpAddress::v6(raw));
    }
  }
  freeifaddrs(list);
  return out;
}

}  // namespace

void collect_network(Facts& facts) {
  if (facts.foreign()) {
    for (const auto key : {keys::kInterfaces, keys::kRoutes, keys::kMacs}) {
      facts.unknown(key, UnknownReason::kUnsupported, "another root file system");
    }
    return;
  }
  const auto interfaces = read_interfaces();
  std::vector<posture::Interface> up;
  std::vector<std::string> macs;
  for (const auto& [name, interface] : interfaces) {
    if (interface.up) up.push_back(interface);
    if (interface.mac.valid()) macs.push_back(interface.mac.str());
  }
  facts.know(keys::kInterfaces, up, "getifaddrs");
  facts.know(keys::kMacs, macs, "getifaddrs");
  // The files belong to the network namespace of the thread that reads them.
  const auto table = proc(facts, "/proc/thread-self/net/route");
  if (!table) {
    facts.unknown(keys::kRoutes, UnknownReason::kFailed, "/proc/net/route");
    return;
  }
  auto routes = parse_routes(*table);
  const auto arp = proc(facts, "/proc/thread-self/net/arp");
  for (auto& route : routes) {
    if (arp) route.gateway_mac = parse_arp(*arp, route.gateway_ip, route.interface);
    const auto it = interfaces.find(route.interface);
    if (it == interfaces.end()) continue;
    for (const auto& ip : it->second.addresses) {
      if (!ip.is_v4()) continue;
      route.local_ip = ip;
      break;
    }
  }
  facts.know(keys::kRoutes, std::move(routes), "/proc/net/route");
}

}  // namespace postern::agent
