#include "agent/collectors/network/table.h"

#include <linux/if_addr.h>
#include <net/if_arp.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>
#include <set>

#include "agent/collectors/network/netlink.h"
#include "agent/collectors/network/tunnel.h"

namespace postern::agent {
namespace {

constexpr std::size_t kMaxInterfaces = 4096;          // as many as a fact's list may have
constexpr std::size_t kMaxAddresses = 1024;      // of one link
constexpr std::size_t kMaxRoutes = 256;
constexpr std::size_t kMaxNeighbours = 65'536;
constexpr std::uint16_t kUsable = NUD_REACHABLE | NUD_STALE | NUD_DELAY | NUD_PROBE | NUD_NOARP | NUD_PERMANENT;

IpAddress ip_of(ByteView bytes) {
  if (bytes.size() == 4) {
    std::array<std::uint8_t, 4> raw;
    std::memcpy(raw.data(), bytes.data(), raw.size());
    return IpAddress::v4(raw);
  }
  if (bytes.size() == 16) {
    std::array<std::uint8_t, 16> raw;
    std::memcpy(raw.data(), bytes.data(), raw.size());
    return IpAddress::v6(raw);
  }
  return {};
}

MacAddress mac_of(ByteView bytes) {
  std::array<std::uint8_t, 6> raw{};
  if (bytes.size() != raw.size()) return {};
  std::memcpy(raw.data(), bytes.data(), raw.size());
  return MacAddress(raw);
}

std::string attribute_text(ByteView bytes) {
  const auto text = as_text(bytes);
  return std::string(text.substr(0, text.find('\0')));
}

bool same_subnet(const IpAddress& a, const IpAddress& b, unsigned prefix) {
  if (a.is_v4() != b.is_v4()) return false;
  for (unsigned bit = 0; bit < prefix; ++bit) {
    const unsigned mask = 0x80u >> (bit % 8);
    if ((a.bytes()[bit / 8] & mask) != (b.bytes()[bit / 8] & mask)) return false;
  }
  return true;
}

}  // namespace

bool NetworkTable::Link::up() const {
  return (flags & IFF_UP) != 0 && (flags & IFF_RUNNING) != 0 && (flags & IFF_LOOPBACK) == 0;
}

bool NetworkTable::Link::vpn() const { return is_tunnel(kind, type); }

void NetworkTable::clear() {
  auto fallen = take_fallen();
  *this = NetworkTable();
  fallen_ = std::move(fallen);
}

NetworkTable::Change NetworkTable::apply(ByteView datagram) {
  auto change = Change::kNone;
  each_netlink_message(datagram, [&](const nlmsghdr& head, ByteView payload) {
    auto one = Change::kNone;
    switch (head.nlmsg_type) {
      case RTM_NEWLINK:
      case RTM_DELLINK: one = apply_link(head.nlmsg_type, payload); break;
      case RTM_NEWADDR:
      case RTM_DELADDR: one = apply_address(head.nlmsg_type, payload); break;
      case RTM_NEWROUTE:
      case RTM_DELROUTE: one = apply_route(head.nlmsg_type, payload); break;
      case RTM_NEWNEIGH:
      case RTM_DELNEIGH: one = apply_neighbour(head.nlmsg_type, payload); break;
      default: break;
    }
    change = std::max(change, one);
    return true;
  });
  return change;
}

NetworkTable::Change NetworkTable::apply_link(std::uint16_t type, ByteView payload) {
  ifinfomsg info;
  // A bridge tells of its ports in messages of its own family, which are about the port and not the link.
  if (!read_struct(payload, info) || info.ifi_family == AF_BRIDGE) return Change::kNone;
  if (type == RTM_DELLINK) {
    addresses_.erase(info.ifi_index);
    std::erase_if(neighbours_, [&](const auto& n) { return n.first.first == info.ifi_index; });
    if (links_.erase(info.ifi_index) == 0) return Change::kNone;
    fallen_.insert(info.ifi_index);
    return Change::kRoutes;
  }
  if (!links_.contains(info.ifi_index) && links_.size() >= kMaxInterfaces) return Change::kNone;
  auto& link = links_[info.ifi_index];
  const bool was_up = link.up();
  link.flags = info.ifi_flags;
  link.type = info.ifi_type;
  each_attribute(payload.subspan(sizeof info), [&](int attribute, ByteView value) {
    if (attribute == IFLA_IFNAME) link.name = attribute_text(value);
    if (attribute == IFLA_ADDRESS && info.ifi_type == ARPHRD_ETHER) link.mac = mac_of(value);
    if (attribute == IFLA_CARRIER_DOWN_COUNT) read_struct(value, link.falls);
    if (attribute == IFLA_LINKINFO) {
      each_attribute(value, [&](int nested, ByteView kind) {
        if (nested == IFLA_INFO_KIND) link.kind = attribute_text(kind);
      });
    }
  });
  if (was_up && !link.up()) fallen_.insert(info.ifi_index);
  // The kernel drops the routes of a link that goes down without saying so of each.
  return was_up == link.up() ? Change::kFacts : Change::kRoutes;
}

NetworkTable::Change NetworkTable::apply_address(std::uint16_t type, ByteView payload) {
  ifaddrmsg info;
  if (!read_struct(payload, info)) return Change::kNone;
  IpAddress ip, local;
  each_attribute(payload.subspan(sizeof info), [&](int attribute, ByteView value) {
    if (attribute == IFA_ADDRESS) ip = ip_of(value);
    if (attribute == IFA_LOCAL) local = ip_of(value);
  });
  if (local.valid()) ip = local;  // of a point-to-point link IFA_ADDRESS is the other end's
  if (!ip.valid()) return Change::kNone;
  const int index = static_cast<int>(info.ifa_index);
  auto& list = addresses_[index];
  const auto it = std::ranges::find(list, ip, &Address::ip);
  if (type == RTM_DELADDR) {
    if (it == list.end()) return Change::kNone;
    list.erase(it);
    return Change::kRoutes;
  }
  const Address address{ip, info.ifa_prefixlen, info.ifa_scope == RT_SCOPE_UNIVERSE};
  if (it != list.end()) {
    *it = address;
  } else if (list.size() < kMaxAddresses) {
    list.push_back(address);
  }
  return Change::kFacts;
}

void NetworkTable::add_nexthops(const DefaultRoute& route, ByteView nexthops) {
  while (nexthops.size() >= sizeof(rtnexthop)) {
    rtnexthop head;
    std::memcpy(&head, nexthops.data(), sizeof head);
    if (head.rtnh_len < sizeof head || head.rtnh_len > nexthops.size()) return;
    auto one = route;
    one.link = head.rtnh_ifindex;
    each_attribute(nexthops.subspan(sizeof head, head.rtnh_len - sizeof head), [&](int attribute, ByteView value) {
      if (attribute == RTA_GATEWAY) one.gateway = ip_of(value);
    });
    if (routes_.size() < kMaxRoutes) routes_.push_back(one);
    const std::size_t step = (static_cast<std::size_t>(head.rtnh_len) + 3) & ~std::size_t{3};
    if (step >= nexthops.size()) return;
    nexthops = nexthops.subspan(step);
  }
}

NetworkTable::Change NetworkTable::apply_route(std::uint16_t type, ByteView payload) {
  rtmsg info;
  if (!read_struct(payload, info) || (info.rtm_family != AF_INET && info.rtm_family != AF_INET6)) return Change::kNone;
  if (info.rtm_dst_len > 1 || info.rtm_type != RTN_UNICAST || (info.rtm_flags & RTM_F_CLONED) != 0)
    return Change::kNone;
  DefaultRoute route;
  route.v4 = info.rtm_family == AF_INET;
  route.half = info.rtm_dst_len == 1;
  std::uint32_t table = info.rtm_table;
  bool lower = true;
  ByteView nexthops;
  each_attribute(payload.subspan(sizeof info), [&](int attribute, ByteView value) {
    std::uint32_t number = 0;
    switch (attribute) {
      case RTA_TABLE: read_struct(value, table); break;
      case RTA_OIF:
        if (read_struct(value, number)) route.link = static_cast<int>(number);
        break;
      case RTA_PRIORITY: read_struct(value, route.metric); break;
      case RTA_GATEWAY: route.gateway = ip_of(value); break;
      case RTA_VIA:  // an IPv4 route over an IPv6 neighbour: family, then the address
        if (value.size() > 2) route.gateway = ip_of(value.subspan(2));
        break;
      case RTA_PREFSRC: route.source = ip_of(value); break;
      case RTA_DST: lower = !value.empty() && (value[0] & 0x80) == 0; break;
      case RTA_MULTIPATH: nexthops = value; break;
      default: break;
    }
  });
  if (table != RT_TABLE_MAIN || (route.half && !lower)) return Change::kNone;
  if (type == RTM_DELROUTE) return Change::kRoutes;
  if (!nexthops.empty()) {
    add_nexthops(route, nexthops);
  } else if (routes_.size() < kMaxRoutes) {
    routes_.push_back(route);
  }
  return Change::kRoutes;
}

NetworkTable::Change NetworkTable::apply_neighbour(std::uint16_t type, ByteView payload) {
  ndmsg info;
  if (!read_struct(payload, info) || (info.ndm_family != AF_INET && info.ndm_family != AF_INET6)) return Change::kNone;
  IpAddress ip;
  MacAddress mac;
  each_attribute(payload.subspan(sizeof info), [&](int attribute, ByteView value) {
    if (attribute == NDA_DST) ip = ip_of(value);
    if (attribute == NDA_LLADDR) mac = mac_of(value);
  });
  if (!ip.valid()) return Change::kNone;
  const std::pair key(info.ndm_ifindex, ip);
  const auto it = neighbours_.find(key);
  if (type == RTM_DELNEIGH || (info.ndm_state & kUsable) == 0 || !mac.valid()) {
    if (it == neighbours_.end()) return Change::kNone;
    neighbours_.erase(it);
  } else {
    if (it != neighbours_.end() && it->second == mac) return Change::kNone;
    if (it == neighbours_.end() && neighbours_.size() >= kMaxNeighbours) return Change::kNone;
    neighbours_[key] = mac;
  }
  const bool ours = std::ranges::any_of(
      routes_, [&](const DefaultRoute& r) { return r.link == info.ndm_ifindex && r.gateway == ip; });
  return ours ? Change::kFacts : Change::kNone;
}

IpAddress NetworkTable::source_of(const DefaultRoute& route) const {
  if (route.source.valid()) return route.source;
  const auto it = addresses_.find(route.link);
  if (it == addresses_.end()) return {};
  IpAddress best;
  for (const auto& address : it->second) {
    if (address.ip.is_v4() != route.v4) continue;
    const bool adjacent = route.gateway.valid() && same_subnet(address.ip, route.gateway, address.prefix);
    if (adjacent && address.global) return address.ip;
    if (!best.valid() || (address.global && best.is_link_local())) best = address.ip;
  }
  return best;
}

std::vector<posture::Interface> NetworkTable::interfaces() const {
  std::vector<posture::Interface> out;
  for (const auto& [index, link] : links_) {
    if (!link.up()) continue;
    posture::Interface interface{link.name, link.mac, {}, true};
    if (const auto it = addresses_.find(index); it != addresses_.end()) {
      for (const auto& address : it->second) interface.addresses.push_back(address.ip);
    }
    out.push_back(std::move(interface));
  }
  return out;
}

std::vector<std::string> NetworkTable::macs() const {
  std::set<std::string> out;
  for (const auto& [index, link] : links_) {
    if (link.mac.valid()) out.insert(link.mac.str());
  }
  return {out.begin(), out.end()};
}

std::vector<posture::Route> NetworkTable::routes(const GatewayMacs& kept) const {
  auto sorted = routes_;
  std::ranges::stable_sort(sorted, {}, [](const DefaultRoute& r) { return std::tuple(!r.v4, r.metric, !r.half); });
  std::vector<posture::Route> out;
  for (const auto& route : sorted) {
    const auto it = links_.find(route.link);
    if (it == links_.end() || !it->second.up()) continue;
    if (route.half && !it->second.vpn()) continue;
    posture::Route to{it->second.name, route.gateway, {}, source_of(route), it->second.vpn(), route.metric};
    const std::pair key(route.link, route.gateway);
    if (const auto n = neighbours_.find(key); n != neighbours_.end()) {
      to.gateway_mac = n->second;
    } else if (const auto k = kept.find(key); k != kept.end()) {
      to.gateway_mac = k->second;
    }
    if (std::ranges::find(out, to) == out.end()) out.push_back(std::move(to));
  }
  return out;
}

std::vector<NetworkTable::Gateway> NetworkTable::gateways() const {
  std::vector<Gateway> out;
  for (const auto& route : routes_) {
    const auto it = links_.find(route.link);
    if (it == links_.end() || !it->second.up() || !route.gateway.valid()) continue;
    const auto n = neighbours_.find({route.link, route.gateway});
    out.push_back({route.link, route.gateway, n == neighbours_.end() ? MacAddress() : n->second, it->second.falls});
  }
  return out;
}

std::vector<std::pair<int, IpAddress>> NetworkTable::unresolved_gateways() const {
  std::vector<std::pair<int, IpAddress>> out;
  for (const auto& route : routes_) {
    const auto it = links_.find(route.link);
    if (it == links_.end() || !it->second.up() || !it->second.mac.valid() || !route.gateway.valid()) continue;
    const std::pair key(route.link, route.gateway);
    if (!neighbours_.contains(key) && std::ranges::find(out, key) == out.end()) out.push_back(key);
  }
  return out;
}

bool NetworkTable::tunnel_up() const {
  return std::ranges::any_of(links_, [](const auto& l) { return l.second.up() && l.second.vpn(); });
}

}  // namespace postern::agent
