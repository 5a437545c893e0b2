#pragma once
// What rtnetlink tells of links, addresses, default routes and neighbours, made by hand.
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <sys/socket.h>

#include <cstring>
#include <string_view>

#include "agent/collectors/network/messages_test.h"
#include "base/ip.h"

namespace postern::agent {

inline ByteView raw(const IpAddress& ip) { return ByteView(ip.bytes()).first(ip.is_v4() ? 4 : 16); }
inline IpAddress ip(const char* text) { return *IpAddress::parse(text); }

inline Bytes link(int index, const char* name, const char* mac, unsigned flags = IFF_UP | IFF_RUNNING,
                  const char* kind = "", std::uint16_t type = RTM_NEWLINK, std::uint32_t falls = 0) {
  ifinfomsg h{};
  h.ifi_index = index;
  h.ifi_flags = flags;
  h.ifi_type = mac == nullptr ? ARPHRD_NONE : ARPHRD_ETHER;
  Message m(type, h);
  m.attribute(IFLA_IFNAME, as_bytes(std::string_view(name, std::strlen(name) + 1)));
  m.number(IFLA_CARRIER_DOWN_COUNT, falls);
  if (mac != nullptr) m.attribute(IFLA_ADDRESS, MacAddress::parse(mac)->bytes());
  if (*kind != '\0') {
    Bytes nested{static_cast<std::uint8_t>(4 + std::strlen(kind)), 0, IFLA_INFO_KIND, 0};
    nested.insert(nested.end(), kind, kind + std::strlen(kind));
    m.attribute(IFLA_LINKINFO, nested);
  }
  return m.bytes();
}
inline Bytes address(int index, const char* text, std::uint8_t prefix = 24, std::uint16_t type = RTM_NEWADDR) {
  ifaddrmsg h{};
  h.ifa_index = static_cast<unsigned>(index);
  h.ifa_prefixlen = prefix;
  h.ifa_family = ip(text).is_v4() ? AF_INET : AF_INET6;
  return Message(type, h).attribute(IFA_ADDRESS, raw(ip(text))).bytes();
}
inline Bytes default_route(int index, const char* gateway, std::uint32_t metric = 0, std::uint16_t type = RTM_NEWROUTE,
                           std::uint8_t length = 0) {
  rtmsg h{};
  h.rtm_family = AF_INET;
  h.rtm_table = RT_TABLE_MAIN;
  h.rtm_type = RTN_UNICAST;
  h.rtm_dst_len = length;
  Message m(type, h);
  m.number(RTA_OIF, static_cast<std::uint32_t>(index)).number(RTA_PRIORITY, metric);
  if (length > 0) m.attribute(RTA_DST, raw(ip("0.0.0.0")));
  if (gateway != nullptr) m.attribute(RTA_GATEWAY, raw(ip(gateway)));
  return m.bytes();
}
inline Bytes neighbour(int index, const char* who, const char* mac, std::uint16_t state = NUD_REACHABLE,
                       std::uint16_t type = RTM_NEWNEIGH) {
  ndmsg h{};
  h.ndm_family = AF_INET;
  h.ndm_ifindex = index;
  h.ndm_state = state;
  return Message(type, h)
      .attribute(NDA_DST, raw(ip(who)))
      .attribute(NDA_LLADDR, MacAddress::parse(mac)->bytes())
      .bytes();
}

}  // namespace postern::agent
