#include "gateway/firewall/listing.h"

#include <gtest/gtest.h>

#include <set>

#include "gateway/config/store.h"
#include "gateway/config/tables/tables.h"
#include "gateway/config/text.h"
#include "gateway/firewall/dry_run.h"

namespace postern::gateway::firewall {
namespace {

TEST(ListingTest, ElementsAreComparedWithoutTheirOrderAndTheLeaseNotAtAll) {
  const std::string_view a =
      "table inet postern {\n\tset alive {\n\t\ttype nf_proto\n\t\tflags timeout\n\t\telements = { ipv4 }\n\t}\n\n"
      "\tset T {\n\t\ttype ipv4_addr\n\t\telements = { 10.0.0.1, 10.0.0.2,\n\t\t\t     10.0.0.3 }\n\t}\n"
      "\tchain forward {\n\t\ttype filter hook forward priority filter; policy drop;\n\t\taccept\n\t}\n}\n";
  const std::string_view b =
      "table inet postern {\n\tset alive {\n\t\ttype nf_proto\n\t\tflags timeout\n\t}\n"
      "\tset T {\n\t\ttype ipv4_addr\n\t\telements = { 10.0.0.3, 10.0.0.1, 10.0.0.4 }\n\t}\n"
      "\tchain forward {\n\t\ttype filter hook forward priority filter; policy drop;\n\t\tct state invalid drop\n"
      "\t\taccept\n\t}\n\tchain new {\n\t\tdrop\n\t}\n}\n";
  EXPECT_EQ(listing_difference(a, a), "");
  EXPECT_EQ(listing_difference(a, b),
            "  chain forward\n+   ct state invalid drop\n+ chain new\n+   drop\n"
            "  set T\n-   element 10.0.0.2\n+   element 10.0.0.4\n");
  EXPECT_EQ(listing_difference(b, a),
            "  chain forward\n-   ct state invalid drop\n- chain new\n-   drop\n"
            "  set T\n+   element 10.0.0.2\n-   element 10.0.0.4\n");
  EXPECT_EQ(listing_difference("", "").size(), 0u);
  EXPECT_EQ(listing_difference("set T {\nelements = { never ended", a).substr(0, 2), "+ ");
}

config::GatewayConfig configuration(std::string_view text) {
  const auto store = config::ConfigStore::in_memory(config::gateway_schema());
  auto t = store->begin(config::Actor::kGateway);
  const auto applied = config::apply_text(t, text);
  EXPECT_TRUE(applied) << applied.error().message;
  return config::read_config(t.tree());
}

TEST(DryRunTest, WhatItPrintsIsTakenByTheKernelAndMakesWhatIsListed) {
  const auto config = configuration(
      "config firewall policy\n    edit 1\n        set srcintf \"port1\"\n        set dstintf \"any\"\n"
      "        set srcaddr \"all\"\n        set dstaddr \"all\"\n        set service \"ALL\"\n        set action accept\n"
      "        set ztna-status enable\n        set ztna-ems-tag \"EMS1_ZTNA_a b\"\n    next\nend\n");
  const auto commands = ruleset_of(config);
  EXPECT_NE(commands.find("add table inet postern\ndelete table inet postern\ntable inet postern {"), commands.npos);
  const auto listed = list_of_commands(commands, "postern");
  if (!listed && listed.error().code == ErrorCode::kPermissionDenied) GTEST_SKIP() << listed.error().message;
  ASSERT_TRUE(listed) << listed.error().message;
  EXPECT_NE(listed->find("chain policy_1 {"), listed->npos);
  EXPECT_NE(listed->find("fib saddr . iif oif missing drop"), listed->npos);
  const auto checked = check_commands(commands);
  EXPECT_TRUE(checked) << checked.error().message;
  // Checked in this namespace, and not made.
  const auto here = list_table("postern");
  ASSERT_TRUE(here) << here.error().message;
  EXPECT_EQ(here->find("policy_1"), here->npos);
  const auto other = list_of_commands(ruleset_of(configuration("")), "postern");
  ASSERT_TRUE(other);
  EXPECT_NE(listing_difference(*other, *listed).find("+ chain policy_1\n"), std::string::npos);
  EXPECT_EQ(listing_difference(*listed, *listed), "");
  const auto wrong = check_commands("add rule inet postern nowhere accept\n");
  EXPECT_FALSE(wrong);
}

TEST(SourceCheckTest, WhichInterfacesTakeEverySource) {
  const std::set<std::string> defaults = {"wan1"};
  EXPECT_EQ(unchecked_interfaces(configuration(""), defaults), defaults);
  const std::string off = "config system interface\n    edit \"vpn0\"\n        set src-check disable\n    next\n"
                          "    edit \"port1\"\n        set alias \"a\"\n    next\nend\n";
  EXPECT_EQ(unchecked_interfaces(configuration(off), defaults), (std::set<std::string>{"vpn0", "wan1"}));
  const std::string strict = "config system settings\n    set strict-src-check enable\nend\n";
  EXPECT_EQ(unchecked_interfaces(configuration(strict), defaults), std::set<std::string>());
  EXPECT_EQ(unchecked_interfaces(configuration(strict + off), defaults), std::set<std::string>{"vpn0"});
}

}  // namespace
}  // namespace postern::gateway::firewall
