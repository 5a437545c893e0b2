#include "agent/collectors/network/table.h"

#include <gtest/gtest.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <sys/socket.h>

#include "agent/collectors/network/messages_test.h"

namespace postern::agent {
namespace {

using Change = NetworkTable::Change;

ByteView raw(const IpAddress& ip) { return ByteView(ip.bytes()).first(ip.is_v4() ? 4 : 16); }
IpAddress ip(const char* text) { return *IpAddress::parse(text); }

Bytes link(int index, const char* name, const char* mac, unsigned flags = IFF_UP | IFF_RUNNING, const char* kind = "",
           std::uint16_t type = RTM_NEWLINK) {
  ifinfomsg h{};
  h.ifi_index = index;
  h.ifi_flags = flags;
  h.ifi_type = mac == nullptr ? ARPHRD_NONE : ARPHRD_ETHER;
  Message m(type, h);
  m.attribute(IFLA_IFNAME, as_bytes(std::string_view(name, std::strlen(name) + 1)));
  if (mac != nullptr) m.attribute(IFLA_ADDRESS, MacAddress::parse(mac)->bytes());
  if (*kind != '\0') {
    Bytes nested{static_cast<std::uint8_t>(4 + std::strlen(kind)), 0, IFLA_INFO_KIND, 0};
    nested.insert(nested.end(), kind, kind + std::strlen(kind));
    m.attribute(IFLA_LINKINFO, nested);
  }
  return m.bytes();
}
Bytes address(int index, const char* text, std::uint8_t prefix = 24, std::uint16_t type = RTM_NEWADDR) {
  ifaddrmsg h{};
  h.ifa_index = static_cast<unsigned>(index);
  h.ifa_prefixlen = prefix;
  h.ifa_family = ip(text).is_v4() ? AF_INET : AF_INET6;
  return Message(type, h).attribute(IFA_ADDRESS, raw(ip(text))).bytes();
}
Bytes default_route(int index, const char* gateway, std::uint32_t metric = 0, std::uint16_t type = RTM_NEWROUTE,
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
Bytes neighbour(int index, const char* who, const char* mac, std::uint16_t state = NUD_REACHABLE,
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

class Table : public testing::Test {
 protected:
  Table() {
    table.apply(link(2, "eth0", "02:00:00:00:00:02"));
    table.apply(address(2, "10.0.1.2"));
    table.apply(default_route(2, "10.0.1.1", 5));
  }
  NetworkTable table;
};

TEST_F(Table, SaysInterfacesRoutesAndTheGatewaysHardwareAddress) {
  ASSERT_EQ(table.routes().size(), 1u);
  EXPECT_FALSE(table.routes()[0].gateway_mac.valid());
  ASSERT_EQ(table.unresolved_gateways().size(), 1u);
  EXPECT_EQ(table.apply(neighbour(2, "10.0.1.1", "02:09:0f:00:01:01")), Change::kFacts);
  EXPECT_EQ(table.apply(neighbour(2, "10.0.1.1", "02:09:0f:00:01:01")), Change::kNone);
  const auto route = table.routes().at(0);
  EXPECT_EQ(route.interface, "eth0");
  EXPECT_EQ(route.gateway_ip.str(), "10.0.1.1");
  EXPECT_EQ(route.gateway_mac.str(), "02:09:0f:00:01:01");
  EXPECT_EQ(route.local_ip.str(), "10.0.1.2");
  EXPECT_EQ(route.metric, 5u);
  EXPECT_TRUE(table.unresolved_gateways().empty());
  EXPECT_EQ(table.interfaces().at(0).addresses.at(0).str(), "10.0.1.2");
  EXPECT_EQ(table.macs(), std::vector<std::string>{"02:00:00:00:00:02"});
}

TEST_F(Table, NeighboursOfOthersAndUselessOnesDoNotCount) {
  EXPECT_EQ(table.apply(neighbour(2, "10.0.1.9", "02:09:0f:00:01:09")), Change::kNone);
  EXPECT_EQ(table.apply(neighbour(3, "10.0.1.1", "02:09:0f:00:01:01")), Change::kNone);
  EXPECT_EQ(table.apply(neighbour(2, "10.0.1.1", "02:09:0f:00:01:01", NUD_FAILED)), Change::kNone);
  EXPECT_FALSE(table.routes()[0].gateway_mac.valid());
  table.apply(neighbour(2, "10.0.1.1", "02:09:0f:00:01:01", NUD_STALE));
  EXPECT_TRUE(table.routes()[0].gateway_mac.valid());
  EXPECT_EQ(table.apply(neighbour(2, "10.0.1.1", "02:09:0f:00:01:01", NUD_FAILED)), Change::kFacts);
  EXPECT_FALSE(table.routes()[0].gateway_mac.valid());
}

TEST_F(Table, LinksThatGoDownLoseTheirRoutesAndKeepTheirHardwareAddress) {
  EXPECT_EQ(table.apply(link(2, "eth0", "02:00:00:00:00:02", 0)), Change::kRoutes);
  EXPECT_TRUE(table.routes().empty());
  EXPECT_TRUE(table.interfaces().empty());
  EXPECT_EQ(table.macs().size(), 1u);
  table.apply(link(2, "eth0", "02:00:00:00:00:02", IFF_UP, "", RTM_DELLINK));
  EXPECT_TRUE(table.macs().empty());
}

TEST_F(Table, LowerMetricsComeFirst) {
  table.apply(link(3, "eth1", "02:00:00:00:00:03"));
  table.apply(address(3, "10.0.2.2"));
  table.apply(default_route(3, "10.0.2.1", 1));
  ASSERT_EQ(table.routes().size(), 2u);
  EXPECT_EQ(table.routes()[0].interface, "eth1");
  EXPECT_EQ(table.apply(default_route(3, "10.0.2.1", 1, RTM_DELROUTE)), Change::kRoutes);
}

TEST_F(Table, ATunnelThatTakesBothHalvesIsADefaultRoute) {
  table.apply(link(4, "tun0", nullptr, IFF_UP | IFF_RUNNING, "tun"));
  table.apply(default_route(4, nullptr, 0, RTM_NEWROUTE, 1));
  EXPECT_TRUE(table.tunnel_up());
  ASSERT_EQ(table.routes().size(), 2u);
  EXPECT_TRUE(table.routes()[0].vpn);
  // The same over hardware is somebody's trick with routes, not a tunnel.
  table.apply(default_route(2, "10.0.1.9", 0, RTM_NEWROUTE, 1));
  EXPECT_EQ(table.routes().size(), 2u);
}

TEST_F(Table, AnAddressThatGoesAsksForTheRoutes) {
  EXPECT_EQ(table.apply(address(2, "10.0.1.7", 24, RTM_DELADDR)), Change::kNone);
  EXPECT_EQ(table.apply(address(2, "10.0.1.2", 24, RTM_DELADDR)), Change::kRoutes);
  EXPECT_TRUE(table.interfaces().at(0).addresses.empty());
}

TEST_F(Table, TornMessagesChangeNothingTheyShouldNot) {
  for (const auto& whole : {link(2, "eth0", "02:00:00:00:00:02"), address(2, "10.0.1.3"), default_route(2, "10.0.1.1"),
                            neighbour(2, "10.0.1.1", "02:09:0f:00:01:01")}) {
    for (std::size_t size = 0; size < whole.size(); ++size) {
      NetworkTable other;
      other.apply(ByteView(whole).first(size));
      EXPECT_TRUE(other.interfaces().empty());
    }
  }
  Bytes lying = link(2, "eth0", "02:00:00:00:00:02");
  lying[0] = 0xff;
  EXPECT_EQ(table.apply(lying), Change::kNone);
}

}  // namespace
}  // namespace postern::agent
