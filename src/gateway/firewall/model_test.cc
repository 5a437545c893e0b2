#include "gateway/firewall/model.h"

#include <gmock/gmock.h>

#include <cstdlib>
#include <filesystem>
#include <map>
#include <sstream>

#include "base/file.h"
#include "gateway/config/store.h"
#include "gateway/config/text.h"
#include "gateway/firewall/judge.h"
#include "gateway/firewall/rules.h"

namespace postern::gateway::firewall {
namespace {

using config::Action;
using config::MatchLogic;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

std::string golden(const char* name) {
  const auto text = read_file(std::filesystem::path(POSTERN_SOURCE_DIR) / "tests/golden" / name, 1 << 20);
  return text ? *text : "missing: " + text.error().message;
}

AddressEntry entry(const char* ip, std::set<std::string> tags, std::set<std::string> known = {}) {
  AddressEntry e;
  e.ip = *IpAddress::parse(ip);
  e.mac = *MacAddress::parse("02:09:0f:00:01:02");
  e.interface = "port1";
  e.known = std::move(known);
  e.known.insert(tags.begin(), tags.end());
  e.tags = std::move(tags);
  return e;
}

Policy policy(int id, Action action, std::vector<std::string> tags, bool all = false, bool negate = false) {
  Policy p;
  p.id = id;
  p.from = {"port1"};
  p.to = {"port3"};
  p.action = action;
  p.condition = {std::move(tags), {}, all ? MatchLogic::kAll : MatchLogic::kAny, negate};
  return p;
}

std::string chain(const std::string& rules, const std::string& name) {
  const auto at = rules.find("\tchain " + name + " {\n");
  if (at == std::string::npos) return "(no chain)";
  const auto start = rules.find('\n', at) + 1;
  return rules.substr(start, rules.find("\t}\n", start) - start);
}

TEST(FirewallRules, TypesOfMessagesAreAskedOfWhatOpensAndNotOfReplies) {
  using Protocol = config::ServiceConfig::Protocol;
  auto p = policy(1, Action::kAccept, {});
  const auto lines = [&](std::vector<Service> services, const char* name) {
    p.services = std::move(services);
    return chain(render_chains({p}).chains, name);
  };
  const std::string links = "\t\tiifname \"port1\" oifname \"port3\" ";
  EXPECT_EQ(lines({{Protocol::kIcmp, {}, {}, 8}, {Protocol::kIcmp, {}, {}, 13}}, "original"),
            links + "meta l4proto icmp @th,0,8 8 accept\n" + links + "meta l4proto icmp @th,0,8 13 accept\n");
  EXPECT_EQ(lines({{Protocol::kIcmp6, {}, {}, 128}}, "original"), links + "meta l4proto ipv6-icmp @th,0,8 128 accept\n");
  EXPECT_EQ(lines({{Protocol::kIcmp6, {}, {}, {}}}, "original"), links + "meta l4proto ipv6-icmp accept\n");
  EXPECT_EQ(lines({{Protocol::kIcmp, {}, {}, 8}, {Protocol::kIcmp, {}, {}, {}}}, "original"),
            links + "meta l4proto @list/723da6ecb4c6f5fd251ac67ad14f03f0 accept\n");
  EXPECT_THAT(lines({{Protocol::kIcmp, {}, {}, 8}}, "reply"),
              testing::HasSubstr("oifname \"port1\" meta l4proto icmp accept\n"));
}

TEST(FirewallRules, PoliciesOfOneConditionAreJudgedByTheSameChains) {
  auto narrow = policy(2, Action::kAccept, {"T"});
  narrow.to = {"port4"};
  const auto rules = render_chains({policy(1, Action::kAccept, {"T"}), narrow, policy(3, Action::kDeny, {"T"}),
                                    policy(4, Action::kAccept, {"T"}, false, true), policy(5, Action::kAccept, {"U"})}).chains;
  EXPECT_EQ(chain(rules, "policy_2"), "(no chain)");
  EXPECT_THAT(chain(rules, "original"), HasSubstr("oifname \"port4\" jump policy_1\n"));
  EXPECT_THAT(chain(rules, "reply"), HasSubstr("iifname \"port4\" oifname \"port1\" jump policy_1_reply\n"));
  for (const auto* own : {"policy_3", "policy_4", "policy_5"}) EXPECT_NE(chain(rules, own), "(no chain)") << own;
}

TEST(FirewallRules, AreBuiltFromTheConfiguration) {
  auto store = config::ConfigStore::in_memory(config::gateway_schema());
  auto t = store->begin();
  ASSERT_TRUE(config::apply_text(t, R"(
config firewall address
edit lan
set subnet 10.0.1.0/24
next
edit more
set type iprange
set start-ip 10.0.1.200
set end-ip 10.0.2.9
next
edit lan6
set subnet 2001:db8:1::/64
next
edit ems
set subnet 10.0.2.10
next
end
config firewall policy
edit 1
set srcintf port1
set dstintf port2
set srcaddr lan
set dstaddr ems
set service HTTPS PING
set action accept
next
edit 2
set srcintf port1
set dstintf any
set srcaddr lan more lan6
set dstaddr all
set service ALL
set action deny
set ztna-status enable
set ztna-ems-tag EMS1_ZTNA_Vulnerable-Device
next
edit 3
set srcintf port1
set dstintf port3
set srcaddr all
set dstaddr all
set service HTTP DNS
set action accept
set ztna-status enable
set ztna-ems-tag "EMS1_ZTNA_a b" EMS1_ZTNA_Telemetry-Connected
set ztna-tags-match-logic and
next
edit 4
set status disable
set srcintf any
set dstintf any
set srcaddr all
set dstaddr all
set service ALL
set action accept
next
end
)")) ;
  ASSERT_TRUE(store->commit(t));
  const auto policies = compile_policies(config::read_config(*store->current()));
  ASSERT_EQ(policies.size(), 3u);
  const auto rules = render_chains(policies);
  std::string text = rules.chains;
  for (const auto& [name, body] : rules.lists) text += "\tset " + name + " { " + body + " }\n";
  if (std::getenv("POSTERN_UPDATE_GOLDEN") != nullptr) {
    ASSERT_TRUE(write_file_atomic(std::filesystem::path(POSTERN_SOURCE_DIR) / "tests/golden/nftables-chains.txt", text, 0644));
  }
  EXPECT_EQ(text, golden("nftables-chains.txt"));
  EXPECT_THAT(used_tags(config::read_config(*store->current())),
              ElementsAre("EMS1_ZTNA_Telemetry-Connected", "EMS1_ZTNA_Vulnerable-Device", "EMS1_ZTNA_a b"));
}

/// What the chain does to a source: an independent reading of the rules, one by one.
std::string verdict(const std::string& rules, const std::string& name, bool in, bool known) {
  std::istringstream lines(chain(rules, name));
  for (std::string line; std::getline(lines, line);) {
    if (line.find("ip6") != std::string::npos) continue;
    // From a card of which nothing is known.
    if (line.find("ether saddr @") != std::string::npos || line.find("iiftype != ether") != std::string::npos) continue;
    const auto holds = [&](const char* match, bool value) { return line.find(match) == std::string::npos || value; };
    if (!holds("saddr @T ", in) || !holds("saddr != @T ", !in) || !holds("saddr @T/known ", known) ||
        !holds("saddr != @T/known ", !known)) {
      continue;
    }
    return line.substr(line.find_last_of(" \t") + 1);
  }
  return "return";
}

TEST(FirewallRules, UnknownNeverGrantsAndNeverSpares) {
  struct Case {
    Action action;
    bool negate;
    const char *has, *lacks, *unknown;
  };
  // Where a policy demands a tag unknown counts as absent, where it denies by one or negates it, as present.
  const Case cases[] = {{Action::kAccept, false, "accept", "return", "return"},
                        {Action::kAccept, true, "return", "accept", "return"},
                        {Action::kDeny, false, "drop", "return", "drop"},
                        {Action::kDeny, true, "return", "drop", "drop"}};
  for (const bool all : {false, true}) {
    for (const auto& c : cases) {
      const auto rules = render_chains({policy(1, c.action, {"T"}, all, c.negate)}).chains;
      EXPECT_EQ(verdict(rules, "policy_1_tags", true, true), c.has) << rules;
      EXPECT_EQ(verdict(rules, "policy_1_tags", false, true), c.lacks) << rules;
      EXPECT_EQ(verdict(rules, "policy_1_tags", false, false), c.unknown) << rules;
      // Without a lease, and from a source that nothing confirms: as unknown.
      EXPECT_THAT(chain(rules, "policy_1"),
                  testing::StartsWith(std::string("\t\tmeta nfproto != @alive ") + c.unknown));
      EXPECT_THAT(chain(rules, "policy_1"), testing::EndsWith(std::string("\t\t") + c.unknown + "\n"));
    }
  }
}

TEST(FirewallJudge, AgreesWithTheChains) {
  // The verdicts of the chains' reading above and of the policies' own, for every combination.
  for (const bool all : {false, true}) {
    for (const auto action : {Action::kAccept, Action::kDeny}) {
      for (const bool negate : {false, true}) {
        for (const int state : {0, 1, 2}) {  // has, lacks, unknown
          const std::vector<Policy> policies = {policy(1, action, {"T"}, all, negate)};
          const auto said = verdict(render_chains(policies).chains, "policy_1_tags", state == 0, state != 2);
          auto e = entry("10.0.1.2", {});
          if (state == 0) e.tags = {"T"};
          if (state != 2) e.known = {"T"};
          const Flow flow = {e.ip, *IpAddress::parse("10.0.3.10"), 6, 80};
          auto then_open = policies;
          then_open.push_back(policy(2, Action::kAccept, {}));
          EXPECT_EQ(accepts(policies, &e, flow), said == "accept");
          EXPECT_EQ(accepts(then_open, &e, flow), said != "drop");
          if (state == 2) {
            EXPECT_EQ(accepts(then_open, nullptr, flow), said != "drop");
          }
        }
      }
    }
  }
}

TEST(FirewallJudge, LooksAtAddressesAndServices) {
  Policy p = policy(1, Action::kAccept, {});
  p.sources = {{*IpAddress::parse("10.0.1.0"), *IpAddress::parse("10.0.1.255")}};
  p.destinations = {{*IpAddress::parse("10.0.3.10"), *IpAddress::parse("10.0.3.10")}};
  p.services = {{config::ServiceConfig::Protocol::kTcpUdp, {{80, 90}}, {{53, 53}}}};
  const auto is = [&](const char* from, const char* to, std::uint8_t protocol, std::uint16_t port) {
    return accepts({p}, nullptr, {*IpAddress::parse(from), *IpAddress::parse(to), protocol, port});
  };
  EXPECT_TRUE(is("10.0.1.9", "10.0.3.10", 6, 85));
  EXPECT_TRUE(is("10.0.1.9", "10.0.3.10", 17, 53));
  EXPECT_FALSE(is("10.0.1.9", "10.0.3.10", 17, 85));
  EXPECT_FALSE(is("10.0.1.9", "10.0.3.10", 1, 0));
  EXPECT_FALSE(is("10.0.1.9", "10.0.3.11", 6, 85));
  EXPECT_FALSE(is("10.0.2.9", "10.0.3.10", 6, 85));
  EXPECT_FALSE(is("2001:db8::1", "2001:db8::2", 6, 85));
}

TEST(FirewallModel, StartsWholeAndGoesOnInDeltas) {
  FirewallModel model("t");
  model.set_policies({policy(1, Action::kAccept, {"EMS1_ZTNA_A"})});
  model.set_tags({"EMS1_ZTNA_A", "EMS1_ZTNA_B"});
  model.upsert(entry("10.0.1.2", {"EMS1_ZTNA_A"}));
  const auto first = model.take_change();
  EXPECT_THAT(first.commands, HasSubstr("add table inet t\ndelete table inet t\ntable inet t {\n\tset alive {"));
  EXPECT_THAT(first.commands, HasSubstr("\tset EMS1_ZTNA_A {\n\t\ttype ipv4_addr\n\t\telements = { 10.0.1.2 }\n\t}\n"));
  EXPECT_THAT(first.commands, HasSubstr("elements = { 10.0.1.2 . 02:09:0f:00:01:02 . \"port1\" }"));
  EXPECT_THAT(model.take_change().commands, IsEmpty());

  model.upsert(entry("10.0.1.2", {"EMS1_ZTNA_A"}));  // nothing new
  EXPECT_THAT(model.take_change().commands, IsEmpty());

  model.upsert(entry("10.0.1.2", {"EMS1_ZTNA_B"}));
  const auto lost = model.take_change();
  EXPECT_EQ(lost.commands,
            "delete element inet t EMS1_ZTNA_A { 10.0.1.2 }\n"
            "add element inet t EMS1_ZTNA_B { 10.0.1.2 }\n");
  EXPECT_THAT(lost.flush, ElementsAre(*IpAddress::parse("10.0.1.2")));

  model.remove(*IpAddress::parse("10.0.1.2"));
  const auto gone = model.take_change();
  EXPECT_EQ(gone.commands,
            "delete element inet t EMS1_ZTNA_B { 10.0.1.2 }\n"
            "delete element inet t bound { 10.0.1.2 . 02:09:0f:00:01:02 . \"port1\" }\n"
            "delete element inet t held { 10.0.1.2 }\n");
  EXPECT_THAT(gone.flush, ElementsAre(*IpAddress::parse("10.0.1.2")));
  model.remove(*IpAddress::parse("10.0.1.2"));
  EXPECT_THAT(model.take_change().flush, IsEmpty());
}

TEST(FirewallModel, HardwareAddressesStandWhereTheyRefuse) {
  FirewallModel model("t");
  model.set_policies({policy(1, Action::kDeny, {"EMS1_ZTNA_B"}), policy(2, Action::kAccept, {"EMS1_ZTNA_A"})});
  model.take_change();
  model.upsert(entry("10.0.1.2", {"EMS1_ZTNA_A", "EMS1_ZTNA_B"}));
  const auto first = model.take_change().commands;
  EXPECT_THAT(first, HasSubstr("add element inet t EMS1_ZTNA_B/mac { 02:09:0f:00:01:02 }\n"));
  EXPECT_THAT(first, Not(HasSubstr("EMS1_ZTNA_A/mac")));
  // Two addresses of one endpoint share its hardware address: it goes with the last one.
  model.upsert(entry("2001:db8::2", {"EMS1_ZTNA_B"}));
  EXPECT_THAT(model.take_change().commands, Not(HasSubstr("mac {")));
  model.remove(*IpAddress::parse("10.0.1.2"));
  EXPECT_THAT(model.take_change().commands, Not(HasSubstr("mac {")));
  model.remove(*IpAddress::parse("2001:db8::2"));
  EXPECT_THAT(model.take_change().commands, HasSubstr("delete element inet t EMS1_ZTNA_B/mac { 02:09:0f:00:01:02 }\n"));
}

TEST(FirewallModel, ComingAndGoingBetweenTwoTakesIsNothing) {
  FirewallModel model("t");
  model.set_tags({"EMS1_ZTNA_A"});
  model.take_change();
  model.upsert(entry("10.0.1.2", {"EMS1_ZTNA_A"}));
  model.remove(*IpAddress::parse("10.0.1.2"));
  const auto change = model.take_change();
  EXPECT_THAT(change.commands, IsEmpty());
  EXPECT_EQ(change.flush.size(), 1u);
}

TEST(FirewallModel, KnownSetsComeAndGoWithThePoliciesThatNeedThem) {
  FirewallModel model("t");
  model.set_policies({policy(1, Action::kAccept, {"EMS1_ZTNA_A"})});
  model.upsert(entry("10.0.1.2", {}, {"EMS1_ZTNA_A"}));
  EXPECT_THAT(model.take_change().commands, Not(HasSubstr("known")));
  model.set_policies({policy(1, Action::kDeny, {"EMS1_ZTNA_A"}), policy(2, Action::kAccept, {"EMS1_ZTNA_C"})});
  const auto denied = model.take_change();
  EXPECT_THAT(denied.commands, HasSubstr("add set inet t EMS1_ZTNA_A/known { type ipv4_addr; }\n"));
  EXPECT_THAT(denied.commands, HasSubstr("add element inet t EMS1_ZTNA_A/known { 10.0.1.2 }\n"));
  EXPECT_THAT(denied.commands, HasSubstr("flush chain inet t forward\n"));
  EXPECT_EQ(denied.flush.size(), 1u);
  model.set_policies({policy(2, Action::kAccept, {"EMS1_ZTNA_C"})});
  const auto without = model.take_change();
  EXPECT_THAT(without.commands, HasSubstr("delete chain inet t policy_1_tags\n"));
  EXPECT_THAT(without.commands, HasSubstr("delete set inet t EMS1_ZTNA_A/known\n"));
  EXPECT_THAT(without.commands, HasSubstr("delete set inet t EMS1_ZTNA_A\n"));
}

TEST(FirewallModel, NamesOfSetsNeverMeet) {
  std::set<std::string> seen;
  for (const char* tag : {"x", "x 6", "x  6", "x6", "x mac", "x known", "x known6"}) {
    const TagSets s(std::string("EMS1_ZTNA_") + tag);
    for (const auto& name : {s.v4, s.v6, s.mac, s.known4, s.known6}) EXPECT_TRUE(seen.insert(name).second) << name;
  }
}

TEST(FirewallModel, AnInterfaceThatCannotBeWrittenLetsNobodyIn) {
  FirewallModel model("t");
  auto e = entry("10.0.1.2", {"EMS1_ZTNA_A"});
  e.interface = "a\" } ; flush ruleset";
  model.upsert(e);
  const auto change = model.take_change();
  EXPECT_THAT(change.commands, Not(HasSubstr("ruleset")));
  // Nor does it shut the address out: nothing would ever confirm it.
  EXPECT_THAT(change.commands, HasSubstr("\tset held {\n\t\ttype ipv4_addr\n\t}\n"));
}

TEST(FirewallModel, AnAddressWithoutAdjacencyIsRouted) {
  FirewallModel model("t");
  model.set_tags({"EMS1_ZTNA_A"});
  model.take_change();
  auto e = entry("10.0.9.2", {"EMS1_ZTNA_A"});
  e.mac = {};
  e.interface.clear();
  model.upsert(e);
  EXPECT_EQ(model.take_change().commands,
            "add element inet t EMS1_ZTNA_A { 10.0.9.2 }\nadd element inet t routed { 10.0.9.2 }\n");
}

}  // namespace
}  // namespace postern::gateway::firewall
