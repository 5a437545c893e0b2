#include "agent/collectors/asked/resolver.h"

#include <gtest/gtest.h>

#include "agent/collectors/asked/asked_lab.h"

namespace postern::agent {
namespace {

TEST(NameServers, AreThoseThatTheResolverAsks) {
  EXPECT_EQ(parse_name_servers("# nameserver 9.9.9.9\nnameserver 10.0.1.53\nnameserver\tfe80::1%eth0\nnameserver 10.0.1.53\n"
                               "nameserver none\nnameservers 1.1.1.1\nnameserver\n"),
            (std::vector<std::string>{"10.0.1.53", "fe80::1"}));
  EXPECT_EQ(parse_name_servers("nameserver 1.1\n nameserver 9.9.9.9\nnameserver 010.1.1.1\nnameserver 0x7f000001\n"),
            (std::vector<std::string>{"1.0.0.1", "8.1.1.1", "127.0.0.1"}));
  EXPECT_TRUE(parse_name_servers("").empty());
}

using Resolver = AskedLab;

TEST_F(Resolver, ThatIsOnlyAStubHasOthersBehindIt) {
  EXPECT_EQ(said(keys::kDnsServers), "unknown: unsupported");
  put("etc/resolv.conf", "nameserver 10.0.1.53\n");
  put("run/systemd/resolve/resolv.conf", "nameserver 10.9.9.9\n");
  EXPECT_EQ(said(keys::kDnsServers), "10.0.1.53");
  put("etc/resolv.conf", "nameserver 127.0.0.53\n");
  EXPECT_EQ(said(keys::kDnsServers), "unknown: unsupported");  // whose file it is does not run
  runs(42, "systemd-resolve");
  EXPECT_EQ(said(keys::kDnsServers), "10.9.9.9");
  put("run/systemd/resolve/resolv.conf", "");
  EXPECT_EQ(said(keys::kDnsServers), "unknown: unsupported");
}

TEST_F(Resolver, AsksThreeAtMostAndThisMachineWhereNoneIsNamed) {
  put("etc/resolv.conf", "nameserver 10.0.0.1\nnameserver 10.0.0.2\nnameserver 10.0.0.3\nnameserver 10.0.0.4\n");
  EXPECT_EQ(said(keys::kDnsServers), "10.0.0.1, 10.0.0.2, 10.0.0.3");
  put("etc/resolv.conf", "search example.org\n");
  EXPECT_EQ(said(keys::kDnsServers), "127.0.0.1");
}

TEST_F(Resolver, ThatIsNoStubOfAKnownServiceIsWhoIsAsked) {
  put("etc/resolv.conf", "nameserver 127.0.0.1\n");
  EXPECT_EQ(said(keys::kDnsServers), "127.0.0.1");
  put("run/NetworkManager/no-stub-resolv.conf", "nameserver 10.9.9.9\n");
  EXPECT_EQ(said(keys::kDnsServers), "127.0.0.1");  // left by a NetworkManager that is gone
  runs(42, "NetworkManager");
  EXPECT_EQ(said(keys::kDnsServers), "10.9.9.9");
  ends(42);
  EXPECT_EQ(said(keys::kDnsServers), "127.0.0.1");
}

}  // namespace
}  // namespace postern::agent
