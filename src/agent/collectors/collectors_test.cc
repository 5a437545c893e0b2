#include <gtest/gtest.h>

#include <filesystem>

#include "agent/collectors/collector.h"
#include "agent/collectors/parse.h"
#include "base/file.h"
#include "posture/fact_keys.h"

namespace postern::agent {
namespace {

namespace keys = posture::keys;

TEST(Parse, OsReleaseAndFriends) {
  const auto fields = parse_key_values("# c\nID=debian\nPRETTY_NAME=\"Debian GNU/Linux 12\"\nNAME='x'\nID=second\n[section]\n");
  EXPECT_EQ(fields.at("ID"), "debian");
  EXPECT_EQ(fields.at("PRETTY_NAME"), "Debian GNU/Linux 12");
  EXPECT_EQ(fields.at("NAME"), "x");
  EXPECT_EQ(parse_cpu_model("processor\t: 0\nmodel name\t: Xeon\nmodel name\t: other\n"), "Xeon");
  EXPECT_EQ(parse_memory_mb("MemFree: 1 kB\nMemTotal:       8387584 kB\n"), 8191);
  EXPECT_FALSE(parse_memory_mb("nothing"));
}

TEST(Parse, DefaultRoutesOnly) {
  const auto routes = parse_routes(
      "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n"
      "eth0\t00000000\t0101000A\t0003\t0\t0\t5\t00000000\t0\t0\t0\n"
      "eth0\t0001000A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n"
      "tun0\t00000000\t0102000A\t0003\t0\t0\t0\t00000000\t0\t0\t0\n");
  ASSERT_EQ(routes.size(), 2u);
  EXPECT_EQ(routes[0].gateway_ip.str(), "10.0.1.1");
  EXPECT_EQ(routes[0].metric, 5u);
  EXPECT_FALSE(routes[0].vpn);
  EXPECT_TRUE(routes[1].vpn);
}

TEST(Parse, OnlyCompleteNeighboursOfThatInterface) {
  const char* table =
      "IP address       HW type     Flags       HW address            Mask     Device\n"
      "10.0.1.1         0x1         0x2         02:09:0f:00:01:01     *        eth0\n"
      "10.0.1.9         0x1         0x0         00:00:00:00:00:00     *        eth0\n";
  EXPECT_EQ(parse_arp(table, *IpAddress::parse("10.0.1.1"), "eth0").str(), "02:09:0f:00:01:01");
  EXPECT_FALSE(parse_arp(table, *IpAddress::parse("10.0.1.1"), "eth1").valid());
  EXPECT_FALSE(parse_arp(table, *IpAddress::parse("10.0.1.9"), "eth0").valid());
}

TEST(Collect, AForeignRootIsReadAndWhatCannotBeToldIsUnknown) {
  const auto root = std::filesystem::path(testing::TempDir()) / "postern_root";
  ASSERT_TRUE(make_directories(root / "etc", 0755));
  ASSERT_TRUE(write_file_atomic(root / "etc/os-release", "ID=debian\nNAME=\"Debian GNU/Linux\"\nVERSION_ID=\"12\"\n"));
  ASSERT_TRUE(write_file_atomic(root / "etc/hostname", "golden\n"));
  const auto facts = collect_all(root, from_unix_ms(1));
  EXPECT_EQ(*facts.at(std::string(keys::kOsId)).as<std::string>(), "debian");
  EXPECT_EQ(*facts.at(std::string(keys::kHostName)).as<std::string>(), "golden");
  for (const auto key : {keys::kRoutes, keys::kKernelRelease, keys::kFeatureAv, keys::kMemoryMb, keys::kMachineId}) {
    EXPECT_FALSE(facts.at(std::string(key)).known()) << key;
  }
  std::filesystem::remove_all(root);
}

TEST(Collect, ThisMachineHasWhatEveryLinuxHas) {
  const auto facts = collect_all("/", from_unix_ms(1));
  for (const auto key : {keys::kOsFamily, keys::kHostName, keys::kMemoryMb, keys::kKernelRelease, keys::kInterfaces, keys::kRoutes}) {
    EXPECT_TRUE(facts.at(std::string(key)).known()) << key;
  }
}

}  // namespace
}  // namespace postern::agent
