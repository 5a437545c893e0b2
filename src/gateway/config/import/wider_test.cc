// What an import takes never lets more through than the original: each case once did.
#include "gateway/config/import/fortios_lab.h"
#include "gateway/config/import/report.h"

namespace postern::gateway::config::fortios {
namespace {

using ::testing::AnyOf;
using ::testing::HasSubstr;
using ::testing::Not;

using WiderImport = FortiosLab;

std::string table_text(const std::string& table, const std::string& lines) {
  return "config " + table + "\n" + lines + "end\n";
}
std::string entry_text(const std::string& table, const std::string& key, const std::string& lines) {
  return table_text(table, "edit \"" + key + "\"\n" + lines + "next\n");
}

TEST_F(WiderImport, LineThatChangesATableHoldsForAllOfItsBlocks) {
  const std::string both = policy_text("") + policy_text("", "2", "deny");
  const std::string nested_policy = "config firewall address\nedit x\nset subnet 10.7.0.0/16\nnext\n" + policy_text("", "9", "deny");
  const std::pair<std::string, std::string> cases[] = {
      {"firewall policy", "move 2 before 1\n"},   {"firewall policy", "delete 2\n"},
      {"firewall policy", "purge\n"},             {"firewall policy", "rename 2 to 3\n"},
      {"firewall policy", "clone 1 to 3\n"},      {"firewall policy", "set status enable\n"},
      {"firewall address", "delete \"lan\"\n"},   {"firewall address", "rename \"srv\" to \"lan\"\n"},
      {"firewall address6", "purge\n"},           {"firewall service custom", "rename \"x\" to \"HTTPS\"\n"},
      {"firewall schedule recurring", "delete \"always\"\n"},
  };
  for (const auto& [table, line] : cases) {
    SCOPED_TRACE(table + ": " + line);
    for (const bool behind : {true, false}) {
      const auto changing = table_text(table, line);
      take(behind ? kLanAndServer + both + changing : changing + kLanAndServer + both);
      EXPECT_FALSE(on());
    }
  }
  // A line of an entry, as long as it isn't one that changes tables, is the entry's alone.
  take(kLanAndServer + policy_text("") + policy_text("nonsense\n", "2"));
  EXPECT_TRUE(on());
  take(kLanAndServer + policy_text("") + policy_text("move 2 before 1\n", "2"));
  EXPECT_FALSE(on());
  // An end that is missing hides a table in another one.
  take(kLanAndServer + nested_policy + policy_text(""));
  EXPECT_FALSE(on());
  take(kLanAndServer + "config router static\nedit 1\n" + policy_text("", "9", "deny") + policy_text(""));
  EXPECT_FALSE(on());
}

TEST_F(WiderImport, WhatIsTypedBehindAPromptIsNotOverlooked) {
  const auto transcript = [](const std::string& typed) {
    return kLanAndServer + policy_text("") + policy_text("", "2", "deny") + "FGT # config firewall policy\nFGT (policy) # " + typed +
           "\nFGT (policy) # end\n";
  };
  for (const std::string typed : {"move 2 before 1", "mov 2 bef 1", "delete 2", "del 2", "purge", "abort"}) {
    take(transcript(typed));
    EXPECT_FALSE(on()) << typed;
  }
  for (const std::string typed : {"show", "sh", "get", "show full-configuration", "?", "diagnose sys top", ""}) {
    take(transcript(typed));
    EXPECT_TRUE(on()) << typed;
  }
}

TEST_F(WiderImport, NamesThatTheImportMakesMeanNothingElse) {
  const std::string all = "set srcaddr \"all\"\nset dstaddr \"all\"\n";
  const std::string own = entry_text("firewall address", "all-ipv4", "set subnet 10.9.9.0/24\n");
  const auto refusal = policy_text(all, "1", "deny");
  EXPECT_THAT(take(kLanAndServer + own + refusal), HasSubstr("set srcaddr \"all-ipv4-2\"\n        set dstaddr \"all\"\n"));
  EXPECT_THAT(take(kLanAndServer + own + refusal), HasSubstr("edit \"all-ipv4\"\n        set subnet 10.9.9.0 255.255.255.0\n"));
  // Somebody's group, somebody's address here, or a name that stands nowhere.
  EXPECT_THAT(take(kLanAndServer + entry_text("firewall addrgrp", "all-ipv4", "set member \"lan\"\n") + refusal),
              HasSubstr("set srcaddr \"all-ipv4-2\""));
  take(kLanAndServer + refusal + policy_text("set srcaddr \"all-ipv4\"\n", "2"));
  EXPECT_THAT(off("firewall policy 2"), HasSubstr("there is no all-ipv4"));
  EXPECT_TRUE(on());
  here(entry_text("firewall address", "all-ipv4", "set subnet 10.9.0.0/16\n") +
       entry_text("firewall addrgrp", "all-ipv4-2", "set member \"all-ipv4\"\n"));
  EXPECT_THAT(take(kLanAndServer + refusal), HasSubstr("set srcaddr \"all-ipv4-3\""));
  // What was made once is used again.
  ASSERT_TRUE(store->commit(import->transaction));
  take(kLanAndServer + refusal);
  EXPECT_FALSE(import->transaction.changed());
}

TEST_F(WiderImport, WhatMayRefuseInFrontSwitchesPoliciesOff) {
  const std::string front[] = {
      table_text("user quarantine", "set quarantine enable\nconfig targets\nedit \"evil\"\nconfig macs\nedit 02:09:0f:00:01:02\n"
                                    "next\nend\nnext\nend\n"),
      entry_text("user quarantine", "1", ""),
      entry_text("switch-controller quarantine", "x", ""),
      table_text("firewall ipmacbinding setting", "set bindthroughfw enable\n"),
      entry_text("firewall ipmacbinding table", "1", "set ip 10.0.1.2\n"),
      table_text("firewall ipv6-eh-filter", "set fragment enable\n"),
      entry_text("firewall consolidated policy", "1", "set action deny\n"),
      entry_text("firewall DoS-policy", "1", "set status enable\n"),
      entry_text("firewall local-in-policy", "1", "set action accept\n") + entry_text("firewall local-in-policy", "2", ""),
      entry_text("firewall security-policy", "1", "set action accept\n"),
      entry_text("firewall never-heard-of", "1", "set action deny\n"),
      entry_text("user device-access-list", "1", "set default-action deny\n"),
      table_text("nobody knows", "set a b\n"),
      table_text("system settings", "set status disable\n"),
      table_text("system settings", "set stat dis\n"),
      table_text("router static", "edit 1\n" + entry_text("firewall acl", "1", "") + "next\n"),  // its end is missing
  };
  for (const auto& text : front) {
    SCOPED_TRACE(text);
    take(kLanAndServer + policy_text("") + policy_text("", "2", "deny") + text);
    EXPECT_FALSE(on());
    EXPECT_TRUE(on("2"));  // what refuses may stay
    EXPECT_THAT(off("firewall policy 1"), HasSubstr("in front of the policies"));
  }
  const std::string harmless[] = {
      table_text("user quarantine", "set quarantine enable\n"),
      entry_text("firewall DoS-policy", "1", "set status disable\nconfig anomaly\nedit \"x\"\nset status enable\nnext\nend\n"),
      entry_text("firewall acl", "1", "set status disable\n"),
      entry_text("firewall local-in-policy", "1", "set intf \"any\"\nset action accept\n"),
      entry_text("firewall ttl-policy", "1", "set action accept\n"),
      table_text("firewall ipmacbinding setting", "set bindthroughfw disable\nset undefinedhost block\n"),
      table_text("firewall ipv6-eh-filter", "set routing enable\nset routing-type 0\n"),
      entry_text("firewall internet-service-name", "Google-Other", "set internet-service-id 65536\n"),
      entry_text("firewall shaper traffic-shaper", "high", "set priority high\n"),
      entry_text("firewall ssh local-ca", "Fortinet_SSH_CA", "set source built-in\n"),
      entry_text("firewall proxy-address", "IPv4-address", "set type host-regex\n"),
      entry_text("user local", "guest", "set type password\n"),
      entry_text("user nac-policy", "x", "set category device\n"),
      entry_text("webfilter profile", "default", "set comment \"x\"\n"),
      table_text("system ntp", "set ntpsync enable\n"),
      table_text("nobody knows", "set a disable\nunset b\n"),
  };
  std::string together;
  for (const auto& text : harmless) together += text;
  take(kLanAndServer + policy_text("") + together);
  EXPECT_TRUE(on()) << off("firewall policy 1");
}

TEST_F(WiderImport, InterfaceThatPassesLessThereSwitchesItsPoliciesOff) {
  const auto with = [](const std::string& setting, const std::string& more = "") {
    return entry_text("system interface", "port1", "set vdom \"root\"\nset ip 10.0.1.1 255.255.255.0\n" + setting) + kLanAndServer +
           policy_text(more);
  };
  for (const std::string setting : {"set vrf 10\n", "set security-mode captive-portal\nset security-groups \"staff\"\n", "set status down\n",
                                    "set ipmac enable\n", "set ips-sniffer-mode enable\n", "set never-heard-of 7\n"}) {
    SCOPED_TRACE(setting);
    take(with(setting));
    EXPECT_FALSE(on());
    EXPECT_THAT(off("firewall policy 1"), HasSubstr("system interface port1: set "));
    EXPECT_THAT(why(setting.substr(0, setting.find('\n'))), HasSubstr("; this text's policies by this interface are taken with status disable"));
    take(with(setting, "set srcintf \"any\"\n"), {"port1", "port2"});
    EXPECT_FALSE(on());
    take(with(setting, "set srcintf \"any\"\n"), {"port2"});  // nothing passes by it here either
    EXPECT_TRUE(on());
    take(with(setting, "set srcintf \"port3\"\n"));
    EXPECT_TRUE(on());
    // Who is asked coming in is not asked going out.
    take(with(setting, "set srcintf \"port3\"\nset dstintf \"port1\"\n"));
    EXPECT_EQ(on(), setting.starts_with("set security-mode"));
  }
  for (const std::string setting : {"set security-mode none\n", "set status up\n", "set mtu-override disable\nset mtu 1500\n",
                                    "set device-identification enable\n", "set explicit-web-proxy enable\n", "unset ipmac\n"}) {
    take(with(setting));
    EXPECT_TRUE(on()) << setting;
  }
}

TEST_F(WiderImport, PortalsStandInOtherTablesToo) {
  const std::string portal = entry_text("system interface", "port1", "set security-mode captive-portal\n");
  // Of a wireless network, whose entry is its interface; in a table whose end was lost.
  for (const auto& text : {entry_text("wireless-controller vap", "port1", "set ssid \"x\"\nset security captive-portal\n"),
                           entry_text("wireless-controller vap", "port1", "set security wpa-personal+captive-portal\n"),
                           table_text("system global", "set hostname \"x\"\n" + portal)}) {
    SCOPED_TRACE(text);
    take(text + kLanAndServer + policy_text(""));
    EXPECT_THAT(off("firewall policy 1"), HasSubstr("system interface port1: set security"));
    take(text + kLanAndServer + policy_text("set srcintf \"port3\"\n"));
    EXPECT_TRUE(on());
  }
  take(entry_text("wireless-controller vap", "port1", "set security wpa2-only-personal\n") + kLanAndServer + policy_text(""));
  EXPECT_TRUE(on());
}

TEST_F(WiderImport, VlanUponAnInterfaceThatIsDownPassesNothingThere) {
  const std::string vlans = table_text("system interface", "edit \"port1\"\nset interface \"agg\"\nset vlanid 7\nnext\n"
                                                            "edit \"agg\"\nset interface \"x1\"\nnext\nedit \"x1\"\nset status down\nnext\n");
  take(vlans + kLanAndServer + policy_text(""));
  EXPECT_THAT(off("firewall policy 1"), HasSubstr("system interface port1: set interface agg (set interface x1 (set status down there) there)"));
  take(vlans + kLanAndServer + policy_text("set srcintf \"port3\"\n"));
  EXPECT_TRUE(on());
  // Of what consists of several, one that is up is enough.
  for (const bool both : {false, true}) {
    const std::string aggregate =
        table_text("system interface", std::string("edit \"port1\"\nset type aggregate\nset member \"x1\" \"x2\"\nnext\n"
                                                   "edit \"x1\"\nset status down\nnext\nedit \"x2\"\n") +
                                           (both ? "set status down\n" : "") + "next\n");
    take(aggregate + kLanAndServer + policy_text(""));
    EXPECT_EQ(on(), !both);
  }
}

TEST_F(WiderImport, BehindWhatStopsSomeNothingIsOn) {
  for (const std::string stops : {"set application-list \"a\"\n", "set disclaimer enable\n", "set http-policy-redirect enable\n", "nonsense\n"}) {
    take(kLanAndServer + policy_text(stops, "20") + policy_text("", "21") + policy_text("set dstintf \"port3\"\n", "22"));
    EXPECT_FALSE(on("20")) << stops;
    EXPECT_FALSE(on("21")) << stops;
    EXPECT_TRUE(on("22")) << stops;
    EXPECT_THAT(off("firewall policy 21"), HasSubstr("behind firewall policy 20, which may stop some of this there"));
  }
  take("config user setting\nset auth-on-demand always\nend\n" + kLanAndServer + policy_text("set groups \"staff\"\n", "20") + policy_text("", "21"));
  EXPECT_FALSE(on("21"));
  // Whom it doesn't match, and what is off, goes on to the next one there, too.
  for (const std::string passes_on : {"set groups \"staff\"\n", "set srcaddr-negate enable\n", "set application-list \"a\"\nset status disable\n"}) {
    take(kLanAndServer + policy_text(passes_on, "20") + policy_text("", "21"));
    EXPECT_TRUE(on("21")) << passes_on;
  }
}

TEST_F(WiderImport, PortsMayBeListedInAnyWay) {
  const std::string by_name = "set service \"MS-SQL\"\n";
  for (const std::string ports : {"1433 1434", "1434 1433", "1433-1434", "1434:1-65535 1433"}) {
    take(entry_text("firewall service custom", "MS-SQL", "set category \"Database\"\nset comment \"x\"\nset tcp-portrange " + ports + "\n") +
         kLanAndServer + policy_text(by_name));
    EXPECT_TRUE(on()) << ports;
  }
  take(entry_text("firewall service custom", "MS-SQL", "set tcp-portrange 1433\n") + kLanAndServer + policy_text(by_name));
  EXPECT_FALSE(on());
}

TEST_F(WiderImport, BuiltInNamesWithOtherContentAreWider) {
  const std::string week = "set day monday tuesday wednesday thursday friday\n";
  const std::string always = "set day friday sunday monday tuesday wednesday thursday saturday\n";
  for (const auto& [content, same] : {std::pair<std::string, bool>(always, true),
                                      {always + "set start 00:00\nset end 00:00\nset color 3\n", true},
                                      {always + "set start 08:00\nset end 17:00\n", false},
                                      {week, false},
                                      {"set day none\n", false},
                                      {"", false}}) {
    SCOPED_TRACE(content);
    const auto schedule = entry_text("firewall schedule recurring", "always", content);
    take(kLanAndServer + schedule + policy_text(""));
    EXPECT_EQ(on(), same);
    take(kLanAndServer + schedule + policy_text("", "1", "deny") + policy_text("", "2"));
    EXPECT_EQ(on("2"), same);
  }
  for (const std::string content : {"set day none\n", ""}) {
    take(kLanAndServer + entry_text("firewall schedule recurring", "none", content) + policy_text("set schedule \"none\"\n"));
    EXPECT_TRUE(on()) << content;
  }
  for (const auto& [content, same] : {std::pair<std::string, bool>("", true),
                                      {"set subnet 0.0.0.0 0.0.0.0\n", true},
                                      {"set subnet 10.0.0.0 255.0.0.0\n", false},
                                      {"set type iprange\nset start-ip 10.0.0.1\nset end-ip 10.0.0.9\n", false},
                                      {"set type fqdn\nset fqdn \"a.example\"\n", false}}) {
    take(kLanAndServer + entry_text("firewall address", "all", content) + policy_text("set dstaddr \"all\"\n"));
    EXPECT_EQ(on(), same) << content;
    take(kLanAndServer + entry_text("firewall address", "all", "") + entry_text("firewall address6", "all", "set ip6 ::/0\n") +
         entry_text("firewall address", "all", content) + policy_text("set dstaddr \"all\"\n"));
    EXPECT_EQ(on(), same) << content;
  }
}

TEST_F(WiderImport, ServicesTakenForGrantedAreThoseOfTheSource) {
  for (const std::string service : {"RDP", "LDAP", "LDAPS", "RTSP"}) {
    const auto named = "set service \"" + service + "\"\n";
    take(kLanAndServer + policy_text(named));
    EXPECT_FALSE(on()) << service;
    take(kLanAndServer + policy_text(named, "1", "deny") + policy_text("set service \"ALL_TCP\"\n", "2"));
    EXPECT_FALSE(on("2")) << service;
  }
  take(kLanAndServer + entry_text("firewall service custom", "LDAPS", "set tcp-portrange 636\n") + policy_text("set service \"LDAPS\"\n"));
  EXPECT_TRUE(on());
}

TEST_F(WiderImport, AllInAGroupIsOfOneFamily) {
  const std::string anywhere = entry_text("firewall addrgrp", "anywhere", "set member \"all\"\n");
  for (const std::string ends : {"set srcaddr \"anywhere\"\nset dstaddr \"anywhere\"\n", "set srcaddr \"all\"\nset dstaddr \"anywhere\"\n"}) {
    EXPECT_THAT(take(kLanAndServer + anywhere + policy_text(ends)), HasSubstr("edit \"anywhere\"\n        set member \"all-ipv4\"\n"));
    EXPECT_TRUE(on());
  }
  EXPECT_EQ(why("set member"), "set member all-ipv4");
  EXPECT_THAT(take(kLanAndServer + entry_text("firewall addrgrp6", "six", "set member \"all\"\n") +
                   policy_text("set srcaddr6 \"six\"\nset dstaddr6 \"all\"\n")),
              HasSubstr("edit \"six\"\n        set member \"all-ipv6\"\n"));
}

TEST_F(WiderImport, SettingsThatNarrowSwitchOff) {
  for (const std::string more : {"set http-policy-redirect enable\n", "set ssh-policy-redirect enable\n",
                                 "set ztna-policy-redirect enable\n", "set tos-mask 0xff\n", "set tos 0x00\nset tos-mask 0xff\n",
                                 "set email-collect enable\n", "set match-vip-only enable\n",
                                 "set stat disable\n", "set sched \"none\"\n"}) {
    take(kLanAndServer + policy_text(more));
    EXPECT_FALSE(on()) << more;
  }
  take(kLanAndServer + policy_text("set http-policy-redirect disable\nset tos 0x00\nset tos-mask 0x00\n"));
  EXPECT_TRUE(on());
  const auto echo = [](const std::string& code) {
    return entry_text("firewall service custom", "ECHO", "set protocol ICMP\nset icmptype 8\n" + code);
  };
  const std::string by_echo = policy_text("set service \"ECHO\"\n");
  for (const auto& [code, same] : {std::pair<std::string, bool>("set icmpcode 0\n", false), {"set icmpcode 1\n", false},
                                   {"unset icmpcode\n", true}, {"", true}}) {
    take(kLanAndServer + echo(code) + by_echo);
    EXPECT_EQ(on(), same) << code;
  }
}

TEST_F(WiderImport, ZoneThatRefusesMayHoldAnyInterface) {
  const std::string zones[] = {entry_text("system zone", "inside", "set interface \"port1\"\n"),
                               table_text("system sdwan", "set status enable\nconfig zone\nedit \"inside\"\nnext\nend\n")};
  for (const auto& zone : zones) {
    take(kLanAndServer + zone + policy_text("set srcintf \"inside\"\n", "1", "deny") + policy_text("", "2"));
    EXPECT_THAT(off("firewall policy 1"), HasSubstr("inside is a zone: name its interfaces"));
    EXPECT_FALSE(on("2"));
  }
}

TEST_F(WiderImport, ReasonsAreThoseOfTheCase) {
  take(kLanAndServer + policy_text("", "1", "deny") + policy_text("set srcintf \"any\"\n", "2"), {"port1"});
  EXPECT_THAT(off("firewall policy 2"), HasSubstr("behind firewall policy 1, which refuses, and not on all of its interfaces here"));
  take(kLanAndServer + policy_text("set dstintf \"virtual-wan-link\"\n"));
  EXPECT_THAT(off("firewall policy 1"), HasSubstr("dstintf: \"virtual-wan-link\" is not allowed"));
  take(kLanAndServer + entry_text("firewall vip", "v", "set type access-proxy\nset extip 10.0.2.1\n") + policy_text("set dstaddr \"v\"\n"));
  EXPECT_THAT(off("firewall policy 1"), HasSubstr("v is a virtual address: destinations are not translated here, and who may use an access proxy stands in"));
}

TEST_F(WiderImport, NegationOfTwoGroupsIsNotThatOfOne) {
  take(kLanAndServer + policy_text("set ztna-status enable\nset ztna-ems-tag \"EMS1_ZTNA_a\"\nset ztna-ems-tag-negate enable\n"
                                   "set ztna-ems-tag-secondary \"EMS1_ZTNA_b\"\n"));
  EXPECT_FALSE(on());
}

TEST_F(WiderImport, TagsWithoutStatusAreAskedWhereThatIsNarrower) {
  const std::string tag = "set ztna-ems-tag \"EMS1_ZTNA_Healthy\"\n";
  for (const std::string status : {"", "set ztna-status disable\n"}) {
    EXPECT_THAT(take(kLanAndServer + policy_text(status + tag)), HasSubstr("set ztna-status enable"));
    EXPECT_TRUE(on());
    EXPECT_THAT(why(status.empty() ? "set ztna-ems-tag" : "set ztna-status"), HasSubstr("set ztna-status enable"));
    take(kLanAndServer + policy_text(status + tag, "1", "deny") + policy_text("", "2"));
    EXPECT_FALSE(on("1"));
    EXPECT_FALSE(on("2"));
  }
}

TEST_F(WiderImport, NamesOfTheTextAreNotThoseOfOtherTablesHere) {
  here(kLanAndServer + entry_text("firewall address", "app", "set subnet 10.0.2.20/32\n"));
  const std::string to_app = policy_text("set dstaddr \"app\"\n");
  const std::string texts[] = {
      entry_text("firewall vip", "app", "set extip 1.2.3.4\nset mappedip \"10.0.2.20\"\n"),
      entry_text("firewall vip", "app", "set type access-proxy\nset extip 10.0.2.1\n"),
      entry_text("firewall addrgrp", "app", "set member \"gone\"\n"),
      entry_text("firewall vipgrp", "app", "set member \"v\"\n"),
      entry_text("firewall proxy-address", "app", "set type url\n"),
      entry_text("firewall multicast-address", "app", "set start-ip 224.0.0.1\n"),
      entry_text("system external-resource", "app", "set type address\n"),
  };
  for (const auto& text : texts) {
    SCOPED_TRACE(text);
    take(text + to_app);
    EXPECT_FALSE(on());
    take(text + policy_text("set dstaddr \"app\"\n", "1", "deny") + policy_text("set dstaddr \"all\"\n", "2"));
    EXPECT_FALSE(on("2"));
  }
  take(to_app);  // of a text in parts, what is here already is meant
  EXPECT_TRUE(on());
}

// A long one is left out, since groups nest 32 deep here; it must not end the program.
TEST_F(WiderImport, ChainsOfGroupsMayBeLong) {
  struct Case {
    int length;
    bool back;
    std::string end;
    bool on;
  };
  for (const auto& c : {Case{30, false, "lan", true}, Case{30, true, "lan", true}, Case{30, false, "gone", false},
                        Case{30000, false, "lan", false}, Case{30000, true, "gone", false}}) {
    SCOPED_TRACE(c.length);
    std::string groups = "config firewall addrgrp\n";
    for (int i = 0; i < c.length; ++i) {
      const int n = c.back ? c.length - 1 - i : i;
      groups += "edit \"g" + std::to_string(n) + "\"\nset member \"" +
                (n + 1 == c.length ? c.end : "g" + std::to_string(n + 1)) + "\"\nnext\n";
    }
    take(kLanAndServer + groups + "end\n" + policy_text("set srcaddr \"g0\"\n"));
    EXPECT_EQ(on(), c.on);
  }
}

TEST_F(WiderImport, PoliciesThatAreHereKeepTheirPlaces) {
  const auto refusal = policy_text("", "30", "deny"), accept = policy_text("", "20");
  const auto order = [&] {
    std::string out;
    for (const auto& p : import->transaction.tree().entries("firewall policy")) out += p.key() + ' ';
    return out;
  };
  take(kLanAndServer + refusal + accept);
  ASSERT_TRUE(store->commit(import->transaction));
  // A part of it once more: as it is, and with another note.
  take(refusal);
  EXPECT_FALSE(import->transaction.changed());
  EXPECT_EQ(import->same.size(), 1u);
  take(policy_text("set comments \"x\"\n", "30", "deny") + policy_text("", "40"));
  EXPECT_EQ(order(), "30 20 40 ");
  EXPECT_EQ(import->changed.size(), 1u);
  // In another order, they move, and that is told.
  take(accept + refusal);
  EXPECT_EQ(order(), "20 30 ");
  EXPECT_EQ(import->changed.size(), 2u);
  EXPECT_THAT(print_changes(*import), HasSubstr("-     # in this order: 30 20\n+     # in this order: 20 30\n"));
  // A part with something new in front doesn't take the refusal behind what is here and lets something through.
  for (const auto& first : {policy_text("", "10", "deny"), policy_text("set groups \"x\"\n", "10")}) {
    take(first + refusal);
    EXPECT_EQ(order(), "30 20 10 ");
    EXPECT_THAT(off("firewall policy 30"), HasSubstr("would move behind 20, which is here and lets something through"));
  }
  // A refusal that would be off leaves the one that is here in force.
  take(policy_text("set groups \"staff\"\n", "30", "deny"));
  EXPECT_FALSE(import->transaction.changed());
  EXPECT_THAT(off("firewall policy 30"), HasSubstr("that of this number which is here refuses: it stays"));
}

}  // namespace
}  // namespace postern::gateway::config::fortios
