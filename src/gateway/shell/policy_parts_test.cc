#include "gateway/shell/policy_parts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "gateway/shell/proxy_plan.h"

namespace postern::gateway {
namespace {

IpRange range(const char* first, const char* last) { return {*IpAddress::parse(first), *IpAddress::parse(last)}; }

TEST(PolicyParts, AnAcceptNeedsAllServersADenyOne) {
  const std::vector<IpRange> ranges = {range("10.0.3.1", "10.0.3.9"), range("2001:db8::1", "2001:db8::1")};
  const auto in = range("10.0.3.9", "10.0.3.9"), in6 = range("2001:db8::1", "2001:db8::1"), out = range("10.0.3.10", "10.0.3.10");
  const auto across = range("10.0.3.8", "10.0.3.12"), around = range("10.0.0.0", "10.255.255.255");
  for (const bool accepts : {true, false}) {
    EXPECT_TRUE(leads_within(ranges, {in, in6}, accepts));
    EXPECT_EQ(leads_within(ranges, {in, out}, accepts), !accepts);
    EXPECT_FALSE(leads_within(ranges, {out}, accepts));
    EXPECT_FALSE(leads_within(ranges, {}, accepts));
    EXPECT_FALSE(leads_within({}, {in}, accepts)) << "no address is left of dstaddr";
    EXPECT_TRUE(leads_within(ranges, {range("10.0.3.2", "10.0.3.9")}, accepts));
    EXPECT_EQ(leads_within(ranges, {across}, accepts), !accepts);
    EXPECT_EQ(leads_within(ranges, {around}, accepts), !accepts);
    EXPECT_EQ(leads_within(ranges, {std::nullopt}, accepts), !accepts) << "a host of which nobody knows where it is";
    EXPECT_EQ(leads_within(ranges, {in, std::nullopt}, accepts), !accepts);
  }
}

/// One access proxy: mapping 1 leads to .10, mapping 2 to .10 and .20, mapping 3 to .20.
config::GatewayConfig proxy_config() {
  config::GatewayConfig c;
  c.addresses = {{"all", true, {}}, {"ten", false, {range("10.0.3.10", "10.0.3.10")}}, {"none", false, {}}};
  config::AccessProxyConfig proxy;
  proxy.name = "web";
  for (int id = 1; id <= 3; ++id) {
    config::ApiGatewayConfig gateway;
    gateway.id = id;
    for (const char* ip : {"10.0.3.10", "10.0.3.20"}) {
      if ((id == 1 && std::string(ip) == "10.0.3.20") || (id == 3 && std::string(ip) == "10.0.3.10")) continue;
      gateway.servers.emplace_back();
      gateway.servers.back().ip = *IpAddress::parse(ip);
      gateway.servers.back().port = 80;
      gateway.servers.back().active = true;
    }
    proxy.gateways.push_back(gateway);
  }
  c.access_proxies = {proxy};
  config::ProxyPolicyConfig policy;
  policy.id = 1;
  policy.access_proxies = {"web"};
  policy.action = config::Action::kAccept;
  c.proxy_policies = {policy};
  return c;
}

std::vector<std::uint32_t> mappings(const config::GatewayConfig& config) {
  const TagTable none;
  const auto plan = plan_proxies(config, none);
  std::vector<std::uint32_t> out;
  if (plan.table.policies.size() != 1 || !plan.table.policies[0].destinations) return {99};
  for (const auto& d : *plan.table.policies[0].destinations) out.push_back(d.api_gateway);
  return out;
}

TEST(PolicyParts, DstaddrChoosesMappings) {
  auto c = proxy_config();
  using testing::ElementsAre;
  EXPECT_THAT(mappings(c), ElementsAre(99u)) << "nothing said: everything, and nothing to look up";
  c.proxy_policies[0].destinations = {"ten", "all"};
  EXPECT_THAT(mappings(c), ElementsAre(99u));
  c.proxy_policies[0].destinations = {"ten"};
  EXPECT_THAT(mappings(c), ElementsAre(1u));
  c.proxy_policies[0].action = config::Action::kDeny;
  EXPECT_THAT(mappings(c), ElementsAre(1u, 2u));
  c.proxy_policies[0].destinations = {"none"};
  EXPECT_THAT(mappings(c), ElementsAre());
}

TEST(PolicyParts, UsersAndGroupsAreBits) {
  auto c = proxy_config();
  c.user_groups = {{"staff", {"alice", "bob"}}};
  c.proxy_policies[0].users = {"alice"};
  c.proxy_policies[0].groups = {"staff"};
  EXPECT_THAT(user_rules(c), testing::ElementsAre(testing::Pair("group staff", testing::ElementsAre("alice", "bob")),
                                                  testing::Pair("user alice", testing::ElementsAre("alice"))));
  TagTable tags;
  tags.set_used(used_bits(c));
  const auto plan = plan_proxies(c, tags);
  ASSERT_EQ(plan.table.policies.size(), 1u);
  EXPECT_EQ(plan.table.policies[0].users.size(), 2u);
  EXPECT_EQ(plan.table.tags.size(), 2u);
  EXPECT_EQ(plan.table.tags[0].message, "") << "the user is told no group";
  // Without room for a bit nobody is let in, and everybody refused.
  const TagTable none;
  EXPECT_TRUE(plan_proxies(c, none).table.policies.empty());
  c.proxy_policies[0].action = config::Action::kDeny;
  const auto refusing = plan_proxies(c, none);
  ASSERT_EQ(refusing.table.policies.size(), 1u);
  EXPECT_TRUE(refusing.table.policies[0].users.empty());
  c.proxy_policies[0].enabled = false;
  EXPECT_TRUE(user_rules(c).empty());
}

}  // namespace
}  // namespace postern::gateway
