// Groups, schedules and the tables for IPv6: what their text means, and what is refused.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include "gateway/config/model.h"
#include "gateway/config/store.h"
#include "gateway/config/text.h"

namespace postern::gateway::config {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::UnorderedElementsAre;

constexpr std::string_view kText = R"(config firewall address
    edit "a"
        set subnet 10.0.1.0 255.255.255.0
    next
    edit "b"
        set type iprange
        set start-ip 10.0.2.1
        set end-ip 10.0.2.9
    next
end
config firewall addrgrp
    edit "inner"
        set member "b"
    next
    edit "outer"
        set member "a" "inner"
    next
    edit "whole"
        set member "all" "a"
    next
end
config firewall service group
    edit "web"
        set member "HTTP" "HTTPS"
    next
end
config firewall schedule recurring
    edit "work"
        set day monday friday
        set start 08:30
        set end 17:00
    next
end
config firewall schedule onetime
    edit "move"
        set start 22:00 2026/11/24
        set end 02:00 2026/11/25
    next
end
config firewall schedule group
    edit "both"
        set member "work" "move"
    next
end
config firewall vip6
    edit "front"
        set extip 2001:db8::1
    next
end
config firewall access-proxy6
    edit "web"
        set vip "front"
        config api-gateway
            edit 1
                config realservers
                    edit 1
                        set ip 2001:db8::10
                    next
                end
            next
        end
    next
end
config firewall proxy-policy
    edit 1
        set access-proxy6 "web"
        set srcaddr "outer"
        set ztna-ems-tag "EMS1_ZTNA_a"
        set ztna-ems-tag-secondary "EMS2_ZTNA_b"
        set action accept
        set schedule "both"
    next
end
config firewall policy
    edit 1
        set srcintf "any"
        set dstintf "any"
        set srcaddr "whole"
        set dstaddr "outer"
        set service "web"
        set schedule "work"
        set action accept
    next
end
)";

Result<GatewayConfig> read(std::string_view text, std::string* printed = nullptr) {
  auto store = ConfigStore::in_memory(gateway_schema());
  auto t = store->begin();
  if (auto ok = apply_text(t, text); !ok) return fail(ok.error());
  if (auto ok = store->commit(t); !ok) return fail(ok.error());
  if (printed != nullptr) *printed = print_tree(*store->current());
  return read_config(*store->current());
}

std::string refusal(std::string_view text) {
  const auto c = read(text);
  return c ? "(taken)" : c.error().message;
}

TEST(Groups, MeanWhatTheyHold) {
  std::string printed;
  const auto c = read(kText, &printed);
  ASSERT_TRUE(c) << c.error().message;
  EXPECT_EQ(printed, kText);
  const auto* outer = find_named(c->addresses, "outer");
  ASSERT_TRUE(outer);
  std::vector<std::string> firsts;
  for (const auto& range : outer->ranges) firsts.push_back(range.first.str());
  EXPECT_THAT(firsts, UnorderedElementsAre("10.0.1.0", "10.0.2.1"));
  EXPECT_TRUE(find_named(c->addresses, "whole")->all);
  EXPECT_TRUE(find_named(c->addresses, "whole")->ranges.empty());
  EXPECT_THAT(find_named(c->service_groups, "web")->services, UnorderedElementsAre("HTTP", "HTTPS"));
  EXPECT_THAT(c->schedules.groups.at("both"), ElementsAre("work", "move"));
  EXPECT_TRUE(c->schedules.holds("always", {2026, 11, 24, 5, 2}));
  EXPECT_FALSE(c->schedules.holds("none", {2026, 11, 24, 5, 2}));
  ASSERT_EQ(c->access_proxies.size(), 1u);
  EXPECT_TRUE(c->access_proxies[0].v6_table);
  EXPECT_EQ(c->access_proxies[0].vip.ext_ip.str(), "2001:db8::1");
  EXPECT_THAT(c->proxy_policies[0].access_proxies6, ElementsAre("web"));
  EXPECT_THAT(c->proxy_policies[0].condition.all_tags(), ElementsAre("EMS1_ZTNA_a", "EMS2_ZTNA_b"));
  EXPECT_EQ(c->firewall_policies[0].schedule, "work");
}

TEST(Groups, HoldNeitherThemselvesNorWhatIsNotThere) {
  EXPECT_THAT(refusal("config firewall addrgrp\nedit a\nset member b\nnext\nedit b\nset member a\nnext\nend\n"),
              HasSubstr("member: holds itself (a > b > a)"));
  EXPECT_THAT(refusal("config firewall service group\nedit g\nset member g\nnext\nend\n"),
              HasSubstr("firewall service group g: member: holds itself (g > g)"));
  EXPECT_THAT(refusal("config firewall addrgrp\nedit a\nset member lost\nnext\nend\n"),
              HasSubstr("member: there is no \"lost\" in firewall address or firewall addrgrp"));
  EXPECT_THAT(refusal("config firewall addrgrp\nedit a\nnext\nend\n"), HasSubstr("member: is missing"));
}

TEST(Groups, StandInOneAnotherOnlySoDeep) {
  const auto chain = [](int groups) {
    std::string text = "config firewall address\nedit a\nset subnet 10.0.0.0/8\nnext\nend\nconfig firewall addrgrp\n";
    for (int i = 0; i < groups; ++i) {
      text += fmt::format("edit g{}\nset member {}\nnext\n", i, i == 0 ? "a" : fmt::format("g{}", i - 1));
    }
    return text + "end\n";
  };
  EXPECT_EQ(refusal(chain(33)), "(taken)");
  EXPECT_THAT(refusal(chain(34)), HasSubstr("firewall addrgrp g33: member: groups stand in groups more than 32 deep"));
  EXPECT_THAT(refusal(chain(20000)), HasSubstr("more than 32 deep"));
}

TEST(Groups, ANameStandsForOneThing) {
  EXPECT_THAT(refusal("config firewall addrgrp\nedit all\nset member all\nnext\nend\n"),
              HasSubstr("firewall addrgrp all: is the name of an entry of firewall address, too"));
  EXPECT_THAT(refusal("config firewall schedule onetime\nedit always\nset start 08:00 2026/11/24\nset end 09:00 "
                      "2026/11/24\nnext\nend\n"),
              HasSubstr("is the name of an entry of firewall schedule recurring"));
}

TEST(Groups, AreNotTakenAwayFromPolicies) {
  auto store = ConfigStore::in_memory(gateway_schema());
  auto t = store->begin();
  ASSERT_TRUE(apply_text(t, kText));
  ASSERT_TRUE(store->commit(t));
  auto gone = store->begin();
  ASSERT_TRUE(gone.remove({{"firewall addrgrp", "outer"}}));
  const auto committed = store->commit(gone);
  ASSERT_FALSE(committed);
  EXPECT_THAT(committed.error().message, HasSubstr("is used by firewall proxy-policy 1 (srcaddr); firewall policy 1"));
}

TEST(Schedules, TakeTimesThatThereAre) {
  const auto weekly = [](const std::string& line) {
    return refusal("config firewall schedule recurring\nedit s\nset day sunday\n" + line + "\nnext\nend\n");
  };
  EXPECT_EQ(weekly("set start 8:30"), "(taken)");
  EXPECT_THAT(weekly("set start 24:00"), HasSubstr("start: \"24:00\" is not allowed; allowed: a time of day from 00:00"));
  EXPECT_THAT(weekly("set start 08:60"), HasSubstr("\"08:60\""));
  EXPECT_THAT(weekly("set start 0830"), HasSubstr("\"0830\""));
  EXPECT_THAT(weekly("set day someday"), HasSubstr("allowed: sunday, monday"));
  const auto once = [](const std::string& start, const std::string& end) {
    return refusal("config firewall schedule onetime\nedit s\nset start " + start + "\nset end " + end + "\nnext\nend\n");
  };
  EXPECT_EQ(once("08:00 2028/02/29", "09:00 2028/02/29"), "(taken)");
  EXPECT_THAT(once("08:00 2026/02/29", "09:00 2028/02/29"), HasSubstr("such as 08:30 2026/11/27"));
  EXPECT_THAT(once("08:00", "09:00 2028/02/29"), HasSubstr("start: \"08:00\" is not allowed"));
  EXPECT_THAT(once("09:00 2026/02/28", "09:00 2026/02/28"), HasSubstr("a moment after start (09:00 2026/02/28)"));
}

TEST(TagGroups, ASecondNeedsAFirst) {
  EXPECT_THAT(refusal("config firewall vip\nedit v\nnext\nend\nconfig firewall access-proxy\nedit p\nset vip v\nnext\nend\n"
                      "config firewall proxy-policy\nedit 1\nset access-proxy p\nset ztna-ems-tag-secondary EMS1_ZTNA_a\nnext\n"
                      "end\n"),
              HasSubstr("ztna-ems-tag-secondary: needs a tag in ztna-ems-tag, too"));
  EXPECT_THAT(refusal("config firewall proxy-policy\nedit 1\nnext\nend\n"), HasSubstr("access-proxy: is missing"));
  EXPECT_THAT(refusal("config firewall vip6\nedit v\nset extip 10.0.0.1\nnext\nend\n"), HasSubstr("an IPv6 address"));
}

}  // namespace
}  // namespace postern::gateway::config
