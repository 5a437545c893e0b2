#include "agent/collectors/asked/dhcp.h"

#include <gtest/gtest.h>

#include "agent/collectors/asked/asked_lab.h"

namespace postern::agent {
namespace {

constexpr const char* kLeases =
    "lease {\n  interface \"eth0\";\n  fixed-address 10.0.9.2;\n  option dhcp-server-identifier 10.0.9.1;\n"
    "  expire 4 2020/01/02 00:00:00;\n}\n"
    "lease {\n  interface \"eth0\";\n  fixed-address 10.0.1.2;\n  option subnet-mask 255.255.255.0;\n"
    "  option routers 10.0.1.1;\n  option dhcp-server-identifier 10.0.1.1;\n  option unknown-224 \"office\";\n"
    "  renew 2 2030/01/01 00:00:00;\n  expire 2 2030/01/02 00:00:00;\n}\n"
    "lease {\n  interface \"wlan0\";\n  option dhcp-server-identifier 10.0.5.1;\n  expire 2 2020/01/02 00:00:00;\n}\n";
constexpr auto kNow = std::int64_t{1'780'000'000'000};

TEST(DhclientLeases, CountWhileTheyLast) {
  const auto leases = parse_dhclient_leases(kLeases, from_unix_ms(kNow));
  ASSERT_EQ(leases.size(), 1u);
  EXPECT_EQ(leases[0].server, "10.0.1.1");
  EXPECT_EQ(leases[0].options.at(224), "office");
  EXPECT_EQ(leases[0].options.at(3), "10.0.1.1");
  EXPECT_EQ(parse_dhclient_leases(kLeases, from_unix_ms(0)).size(), 2u);
  EXPECT_EQ(parse_dhclient_leases("lease {\n interface \"e\";\n expire never;\n}\n", from_unix_ms(kNow)).size(), 1u);
  EXPECT_TRUE(parse_dhclient_leases("lease {\n expire epoch 17; # x\n}\n", from_unix_ms(kNow)).empty());
}

TEST(DhclientLeases, BrokenOnesHarmNothing) {
  EXPECT_TRUE(parse_dhclient_leases("", from_unix_ms(0)).empty());
  EXPECT_TRUE(parse_dhclient_leases("lease {\n option x", from_unix_ms(0)).empty());
  const auto odd = parse_dhclient_leases(
      "lease {\noption\noption unknown-999 1;\noption dhcp-server-identifier no;\n}\n", from_unix_ms(0));
  ASSERT_EQ(odd.size(), 1u);
  EXPECT_EQ(odd[0].server, "");
  std::string many;
  for (int i = 0; i < 1000; ++i) many += "lease {\n interface \"e" + std::to_string(i) + "\";\n}\n";
  EXPECT_EQ(parse_dhclient_leases(many, from_unix_ms(0)).size(), kMaxLeases);
}

TEST(KeyValueLeases, AreThoseOfNetworkd) {
  const auto lease = parse_key_value_lease(
      "# "
      "private\nADDRESS=10.0.1.2\nSERVER_ADDRESS=10.0.1.1\nDOMAINNAME=corp.example\nOPTION_224=6f6666696365\nOPTION_"
      "225=00ff\n"
      "OPTION_999=aa\n");
  EXPECT_EQ(lease.server, "10.0.1.1");
  EXPECT_EQ(lease.options, (std::map<unsigned, std::string>{{15, "corp.example"}, {224, "office"}, {225, "00ff"}}));
  EXPECT_EQ(parse_key_value_lease("SERVER_ADDRESS=x\n").server, "");
}

TEST(Arp, KnowsAddressesThatAnswered) {
  const char* table =
      "IP address       HW type     Flags       HW address            Mask     Device\n"
      "10.0.1.1         0x1         0x2         02:09:0f:00:01:01     *        eth0\n"
      "10.0.1.9         0x1         0x0         00:00:00:00:00:00     *        eth0\n";
  EXPECT_EQ(arp_entry(table, "10.0.1.1"), "02:09:0f:00:01:01");
  EXPECT_EQ(arp_entry(table, "10.0.1.9"), "");
  EXPECT_EQ(arp_entry("", "10.0.1.9"), "");
}

/// /proc/net/fib_trie of a machine with these addresses.
std::string have(const std::vector<std::string>& addresses) {
  std::string out = "Local:\n  +-- 0.0.0.0/0 3 0 5\n     |-- 10.0.1.0\n        /24 link UNICAST\n";
  for (const auto& address : addresses) out += "     |-- " + address + "\n        /32 host LOCAL\n";
  return out + "     |-- 10.0.1.255\n        /32 link BROADCAST\n";
}

TEST(LocalAddresses, AreThoseOfTheMachineItself) {
  EXPECT_EQ(local_addresses(have({"10.0.1.2", "127.0.0.1"})), (std::set<std::string>{"10.0.1.2", "127.0.0.1"}));
  EXPECT_TRUE(local_addresses("").empty());
  EXPECT_TRUE(local_addresses("/32 host LOCAL\n").empty());
}

constexpr const char* kOffice = "f2a1c1a0-0000-4000-8000-000000000001";
constexpr const char* kHome = "f2a1c1a0-0000-4000-8000-000000000002";

std::string device_state(const std::string& uuid, const std::string& dhcp = "") {
  return "[device]\nmanaged=true\nconnection-uuid=" + uuid + "\nroute-metric-default-effective=600\n" +
         (dhcp.empty() ? "" : "[dhcp4]\n" + dhcp);
}

TEST(DeviceState, OfNetworkManagerHasTheLeaseThatCounts) {
  const auto lease = parse_device_state(device_state(kHome,
                                                     "dhcp_server_identifier=10.0.8.1\ndomain_name=home.example\n"
                                                     "ip_address=10.0.8.2\nprivate_224=x\nexpiry=1795507260\n"
                                                     "[dhcp6]\nip_address=10.9.9.9\n"));
  EXPECT_EQ(lease.server, "10.0.8.1");
  EXPECT_EQ(lease.address, "10.0.8.2");
  EXPECT_EQ(lease.options, (std::map<unsigned, std::string>{{15, "home.example"}, {54, "10.0.8.1"}, {224, "x"}}));
  EXPECT_EQ(parse_device_state("dhcp_server_identifier=10.0.8.1\n[dhcp4]\nip_address=\n=\n"), DhcpLease());
}

using Dhcp = AskedLab;

TEST_F(Dhcp, ALeaseThatNobodyHoldsAnyMoreSaysNothing) {
  // networkd ended, NetworkManager was elsewhere, dhclient was killed: their files stay.
  put("run/systemd/netif/leases/3", "ADDRESS=10.0.7.2\nSERVER_ADDRESS=10.0.7.1\n");
  const auto lease = std::string("var/lib/NetworkManager/internal-") + kOffice + "-wlan0.lease";
  put(lease.c_str(), "ADDRESS=10.0.8.2\nSERVER_ADDRESS=10.0.8.1\n");
  put("run/NetworkManager/devices/3", device_state(kOffice));
  put("sys/class/net/wlan0/ifindex", "3\n");
  put("var/lib/dhcp/dhclient.eth0.leases", kLeases);
  for (const auto& addresses : {std::vector<std::string>{}, {"192.0.2.7"}}) {
    put("proc/net/fib_trie", have(addresses));
    EXPECT_EQ(said(keys::kDhcpServers), "unknown: unsupported");
    EXPECT_EQ(said(keys::kDhcpOptions), "unknown: unsupported");
  }
  put("proc/net/fib_trie", have({"10.0.8.2"}));
  EXPECT_EQ(said(keys::kDhcpServers), "10.0.8.1");
}

TEST_F(Dhcp, ServersAndOptionsAreOfAllLeases) {
  EXPECT_EQ(said(keys::kDhcpServers), "unknown: unsupported");
  put("var/lib/dhcp/dhclient.eth0.leases", kLeases);
  put("run/systemd/netif/leases/3", "ADDRESS=10.0.7.2\nSERVER_ADDRESS=10.0.7.1\nOPTION_224=6f6666696365\n");
  put("proc/net/fib_trie", have({"10.0.1.2", "10.0.7.2"}));
  put("proc/net/arp", "IP a\n10.0.1.1  0x1  0x2  02:09:0f:00:01:01  *  eth0\n");
  EXPECT_EQ(said(keys::kDhcpServers), "10.0.7.1, 10.0.1.1, 02:09:0f:00:01:01");
  EXPECT_NE(said(keys::kDhcpOptions).find("224=office"), std::string::npos);
}

TEST_F(Dhcp, ALeaseOfAnotherNetworkSaysNothingAtTheSameAddress) {
  put("sys/class/net/wlan0/ifindex", "3\n");
  put("proc/net/fib_trie", have({"192.168.1.7"}));
  const auto lease = [](const char* uuid) {
    return std::string("var/lib/NetworkManager/internal-") + uuid + "-wlan0.lease";
  };
  put(lease(kOffice).c_str(), "ADDRESS=192.168.1.7\nSERVER_ADDRESS=192.168.1.1\nDOMAINNAME=corp.example\n");
  EXPECT_EQ(said(keys::kDhcpServers), "unknown: unsupported");  // NetworkManager has not run since the start
  // At home, where as many have that address: recent ones write no more than it into /var.
  put(lease(kHome).c_str(), "ADDRESS=192.168.1.7\n");
  put("run/NetworkManager/devices/3",
      device_state(kHome, "dhcp_server_identifier=192.168.1.254\nip_address=192.168.1.7\n"));
  EXPECT_EQ(said(keys::kDhcpServers), "192.168.1.254");
  EXPECT_EQ(said(keys::kDhcpOptions), "54=192.168.1.254");
  put("run/NetworkManager/devices/3", device_state(kOffice));
  EXPECT_EQ(said(keys::kDhcpOptions), "15=corp.example");
}

TEST_F(Dhcp, ALeaseThatCannotBeReadMakesAllUnknown) {
  put("run/systemd/netif/leases/3", "ADDRESS=10.0.7.2\nSERVER_ADDRESS=10.0.7.1\n");
  put("proc/net/fib_trie", have({"10.0.7.2"}));
  EXPECT_EQ(said(keys::kDhcpServers), "10.0.7.1");
  // Nobody can read a directory as a file, root included.
  ASSERT_TRUE(std::filesystem::create_directories(root_ / "var/lib/dhcp/dhclient.eth0.leases"));
  EXPECT_EQ(said(keys::kDhcpServers).substr(0, 8), "unknown:");
}

}  // namespace
}  // namespace postern::agent
