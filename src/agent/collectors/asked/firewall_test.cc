#include <gtest/gtest.h>

#include <cstdlib>

#include "agent/collectors/asked/asked_lab.h"
#include "agent/shell/network_lab.h"

namespace postern::agent {
namespace {

using AskedFirewall = AskedLab;

TEST_F(AskedFirewall, OfAnImageIsUnknown) {
  put("etc/ufw/ufw.conf", "ENABLED=yes\n");
  EXPECT_EQ(said(keys::kFirewallProducts), "unknown: unsupported");
  EXPECT_EQ(said(keys::kFirewallDefaultDeny), "unknown: unsupported");
}

TEST_F(AskedFirewall, OfThisMachineIsWhatTheKernelHas) {
  const bool allowed = in_own_network([&] {
    const auto here = [](std::string_view key) {
      return answer_all({std::string(key)}, "/", from_unix_ms(1)).at(std::string(key)).value;
    };
    EXPECT_EQ(here(keys::kFirewallDefaultDeny), posture::FactValue(false));
    const auto nft = [](const char* script) {
      return std::system((std::string("nft '") + script + "'").c_str()) == 0;
    };
    ASSERT_TRUE(nft("table inet t { chain in { type filter hook input priority 0; policy accept; tcp dport 23 drop; }; }"));
    EXPECT_EQ(here(keys::kFirewallDefaultDeny), posture::FactValue(false));
    ASSERT_TRUE(nft("table inet t3 { set known { type ifname; }; chain in { type filter hook input priority 2; "
                    "iifname @known accept; drop; }; }"));
    EXPECT_TRUE(std::holds_alternative<posture::Unknown>(here(keys::kFirewallDefaultDeny)));
    ASSERT_TRUE(nft("table inet t2 { chain in { type filter hook input priority 1; policy drop; }; }"));
    EXPECT_EQ(here(keys::kFirewallDefaultDeny), posture::FactValue(true));
    EXPECT_EQ(here(keys::kFirewallProducts), posture::FactValue(Texts{"nftables"}));
  });
  if (!allowed) GTEST_SKIP() << "no right to make a network namespace";
}

}  // namespace
}  // namespace postern::agent
