#include "agent/collectors/network/table.h"

#include <gtest/gtest.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <net/if.h>

#include "agent/collectors/network/rtnetlink_test.h"

namespace postern::agent {
namespace {

using Change = NetworkTable::Change;

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

TEST_F(Table, ATapOfAVirtualMachineIsNoTunnel) {
  table.apply(link(4, "vnet0", "fe:54:00:00:00:01", IFF_UP | IFF_RUNNING, "tun"));
  EXPECT_FALSE(table.tunnel_up());
  table.apply(link(5, "tun0", nullptr, IFF_UP | IFF_RUNNING, "tun"));
  EXPECT_TRUE(table.tunnel_up());
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
