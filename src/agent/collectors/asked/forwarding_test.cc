#include <gtest/gtest.h>

#include "agent/collectors/asked/asked_lab.h"

namespace postern::agent {
namespace {

using Forwarding = AskedLab;

TEST_F(Forwarding, IsOnWhenOneInterfaceForwards) {
  EXPECT_EQ(said(keys::kForwarding), "unknown: unsupported");
  put("proc/sys/net/ipv4/conf/all/forwarding", "0\n");
  put("proc/sys/net/ipv4/conf/default/forwarding", "1\n");
  put("proc/sys/net/ipv4/conf/lo/forwarding", "1\n");
  EXPECT_EQ(said(keys::kForwarding), "none");
  put("proc/sys/net/ipv6/conf/all/forwarding", "0\n");
  put("proc/sys/net/ipv6/conf/eth0/forwarding", "1\n");
  EXPECT_EQ(said(keys::kForwarding), "ipv6");
  put("proc/sys/net/ipv4/conf/all/forwarding", "1\n");
  EXPECT_EQ(said(keys::kForwarding), "ipv4, ipv6");
}

}  // namespace
}  // namespace postern::agent
