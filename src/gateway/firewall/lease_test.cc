#include "gateway/firewall/firewall_lab.h"
#include "gateway/firewall/listing.h"

namespace postern::gateway::firewall {
namespace {

TEST(LeaseTest, IsHeldAsLongAsTheTableHasIt) {
  PacketLab lab;
  if (const auto why = lab.build(); !why.empty()) GTEST_SKIP() << why;
  lab.in("g", [&] {
    const auto held = [] {
      const auto said = lease_held("postern");
      EXPECT_TRUE(said) << said.error().message;
      return said && *said;
    };
    const auto nft = [&](const std::string& commands) {
      ASSERT_TRUE(lab.run("ip netns exec " + lab.name("g") + " nft '" + commands + "'")) << commands;
    };
    EXPECT_FALSE(held());  // no table
    nft("table inet postern { set alive { type nf_proto; flags timeout; }; }");
    EXPECT_FALSE(held());
    nft("add element inet postern alive { ipv4 timeout 600s, ipv6 timeout 600s }");
    EXPECT_TRUE(held());
    nft("delete element inet postern alive { ipv4 }");
    EXPECT_TRUE(held());
    nft("delete element inet postern alive { ipv6 }");
    EXPECT_FALSE(held());
    nft("delete set inet postern alive");
    EXPECT_FALSE(held());
  });
}

}  // namespace
}  // namespace postern::gateway::firewall
