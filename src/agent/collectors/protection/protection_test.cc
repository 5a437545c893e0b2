#include "agent/collectors/protection/protection.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

#include "agent/collectors/network/messages_test.h"
#include "agent/collectors/protection/clamav.h"
#include "agent/collectors/protection/ruleset.h"
#include "agent/collectors/root_lab.h"
#include "base/file.h"
#include "posture/fact_keys.h"

namespace postern::agent {
namespace {

TEST(ClamAv, VersionStandsInTheHeader) {
  EXPECT_EQ(parse_clam_version("ClamAV-VDB:24 Nov 2026 09-01 +0000:27400:2000000:90:x:y:z"), 27400u);
  for (const auto* text : {"", "ClamAV-VDB", "ClamAV-VDB:a:b:c", "Other:x:1:2", "ClamAV-VDB:x:-1:3"}) {
    EXPECT_FALSE(parse_clam_version(text)) << text;
  }
}

TEST(ClamAv, BuildTimeStandsInTheHeader) {
  EXPECT_EQ(parse_clam_built("ClamAV-VDB:24 Nov 2026 09-01 +0100:27400:2000000:90:x:y:z:1795507260   "), 1'795'507'260'000);
  EXPECT_EQ(parse_clam_built("ClamAV-VDB:02 Jan 1970 01-30 +0100:27400:2000000:90:x:y:z"), 88'200'000);
  EXPECT_EQ(parse_clam_built("ClamAV-VDB:01 Jan 1970 00-00 -0130:1:2:3"), 5'400'000);
  for (const auto* text : {"", "ClamAV-VDB", "ClamAV-VDB:a:b:c", "Other:02 Jan 1970 01-30 +0100:1:2",
                           "ClamAV-VDB:31 Feb 2026 09-01 +0000:1:2", "ClamAV-VDB:1 Xxx 2026 09-01 +0000:1:2"}) {
    EXPECT_FALSE(parse_clam_built(text)) << text;
  }
}

Bytes chain(std::uint8_t family, std::uint32_t hook, std::uint32_t policy, std::uint32_t rules) {
  nfgenmsg general{};
  general.nfgen_family = family;
  Message m(static_cast<std::uint16_t>(NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWCHAIN), general);
  Bytes nested(8);
  const std::uint16_t head[2] = {8, NFTA_HOOK_HOOKNUM};
  const std::uint32_t number = htonl(hook);
  std::memcpy(nested.data(), head, 4);
  std::memcpy(nested.data() + 4, &number, 4);
  m.attribute(NFTA_CHAIN_HOOK | NLA_F_NESTED, nested);
  return m.number(NFTA_CHAIN_POLICY, htonl(policy)).number(NFTA_CHAIN_USE, htonl(rules)).bytes();
}

bool filters(const Bytes& datagram) {
  Ruleset ruleset;
  ruleset.apply(datagram);
  return ruleset.filters_input();
}

TEST(Ruleset, FiltersWhenAnInputChainDropsOrHasRules) {
  EXPECT_TRUE(filters(chain(NFPROTO_INET, NF_INET_LOCAL_IN, NF_DROP, 0)));
  EXPECT_TRUE(filters(chain(NFPROTO_IPV4, NF_INET_LOCAL_IN, NF_ACCEPT, 3)));
  EXPECT_FALSE(filters(chain(NFPROTO_INET, NF_INET_LOCAL_IN, NF_ACCEPT, 0)));
  EXPECT_FALSE(filters(chain(NFPROTO_INET, NF_INET_FORWARD, NF_DROP, 9)));
  EXPECT_FALSE(filters(chain(NFPROTO_BRIDGE, NF_INET_LOCAL_IN, NF_DROP, 9)));
}

TEST(Ruleset, TornMessagesSayNothing) {
  const auto whole = chain(NFPROTO_INET, NF_INET_LOCAL_IN, NF_DROP, 1);
  for (std::size_t size = 0; size < whole.size(); ++size) {
    Ruleset ruleset;
    ruleset.apply(ByteView(whole).first(size));
    EXPECT_FALSE(ruleset.filters_input());
  }
}

using Protection = RootLab;

TEST_F(Protection, SignaturesOfAnotherRootAreReadAndWhatRunsThereIsUnknown) {
  put("var/lib/clamav/daily.cvd", "ClamAV-VDB:1:27399:1:1:");
  put("var/lib/clamav/daily.cld", "ClamAV-VDB:1:27400:1:1:");
  Facts facts(root_, from_unix_ms(1));
  collect_protection(facts);
  namespace keys = posture::keys;
  EXPECT_EQ(*facts.map().at(std::string(keys::kAvDbVersion)).as<std::string>(), "27400");  // the newer of the two
  EXPECT_FALSE(facts.map().at(std::string(keys::kFeatureAv)).known());
  EXPECT_FALSE(facts.map().at(std::string(keys::kFeatureFirewall)).known());
  put("var/lib/clamav/daily.cvd", "garbage");
  put("var/lib/clamav/daily.cld", "garbage");
  Facts broken(root_, from_unix_ms(1));
  collect_protection(broken);
  const auto* why = broken.map().at(std::string(keys::kAvDbVersion)).as<posture::Unknown>();
  ASSERT_NE(why, nullptr);
  EXPECT_EQ(why->reason, posture::UnknownReason::kFailed);
}

TEST_F(Protection, AVpnIsAClientThatCanBeStarted) {
  const auto vpn = [&] {
    Facts facts(root_, from_unix_ms(1));
    collect_protection(facts);
    return facts.map().at(std::string(posture::keys::kFeatureVpn));
  };
  EXPECT_FALSE(*vpn().as<bool>());
  // What stays behind of a removed one.
  ASSERT_TRUE(make_directories(root_ / "usr/sbin/openvpn", 0755));
  put("usr/bin/wg", "", 0755);
  put("usr/sbin/ipsec", "no program", 0644);
  EXPECT_FALSE(*vpn().as<bool>());
  put("usr/bin/wg", "program", 0755);
  EXPECT_TRUE(*vpn().as<bool>());
  EXPECT_EQ(vpn().source, "/usr/bin/wg");
}

}  // namespace
}  // namespace postern::agent
