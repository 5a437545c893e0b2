#include "gateway/config/import/fortios.h"

#include <algorithm>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <sstream>

#include "gateway/config/import/fortios_lab.h"
#include "gateway/config/import/report.h"
#include "gateway/config/secret.h"

namespace postern::gateway::config::fortios {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

using FortiosImport = FortiosLab;

std::string golden_text(const std::string& name) {
  std::ifstream file(POSTERN_SOURCE_DIR "/tests/golden/" + name);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

TEST_F(FortiosImport, ReportOfABranchIsWhatItWas) {
  const auto config = take(golden_text("fortios-branch.conf"), {"port1", "port2"});
  const auto report = print_lines(*import) + '\n' + print_summary(*import) + "\nWhat changes:\n" + print_changes(*import);
  const std::string name = "fortios-branch-report.txt";
  if (std::getenv("POSTERN_UPDATE_GOLDEN")) std::ofstream(POSTERN_SOURCE_DIR "/tests/golden/" + name) << report;
  EXPECT_TRUE(report == golden_text(name)) << "tests/golden/" << name << " is not what the import reports "
                                           << "(POSTERN_UPDATE_GOLDEN=1 rewrites it):\n" << report;
  EXPECT_THAT(report, Not(HasSubstr("SH2example")));
  EXPECT_THAT(report, Not(HasSubstr("MIIFHDBOBgkq")));
}

TEST_F(FortiosImport, UsersWithPasswordsAreNoUsersOfEndpoints) {
  for (const char* type : {"", "set type password\n", "set type radius\n"}) {
    const auto config = take("config user local\nedit \"alice\"\n" + std::string(type) +
                             "next\nend\nconfig user group\nedit \"staff\"\nset member \"alice\"\nnext\nend\n");
    EXPECT_THAT(config, Not(HasSubstr("alice"))) << type;
    EXPECT_THAT(config, Not(HasSubstr("staff"))) << type;
    EXPECT_THAT(config, Not(HasSubstr("config user"))) << type;
  }
}

TEST_F(FortiosImport, TextWithoutAConfigurationIsRefusedUnseen) {
  EXPECT_THAT(take("root:x:0:0\ndaemon:*:1\n"), HasSubstr("error: no line begins with config"));
  EXPECT_THAT(take(""), HasSubstr("error: no line"));
}

TEST_F(FortiosImport, OurOwnShowComesBackAsItWas) {
  const std::string own =
      "config firewall address\n    edit \"lan\"\n        set subnet 10.0.1.0 255.255.255.0\n    next\nend\n"
      "config firewall policy\n    edit 1\n        set srcintf \"port1\"\n        set dstintf \"any\"\n"
      "        set srcaddr \"lan\"\n        set dstaddr \"all\"\n        set service \"HTTPS\"\n        set action accept\n"
      "    next\nend\n";
  EXPECT_EQ(take(own), own);
  EXPECT_TRUE(import->left_out.empty());
  here(own);
  EXPECT_EQ(take(own), own);
  EXPECT_FALSE(import->transaction.changed());
  EXPECT_EQ(print_changes(*import), "");
}

TEST_F(FortiosImport, PolicyThatWouldAllowMoreIsOff) {
  for (const std::string more : {"set groups \"staff\"\n", "set srcaddr-negate enable\n", "set service-negate enable\n",
                                 "set internet-service enable\n", "set av-profile \"default\"\n", "set never-heard-of 7\n",
                                 "set ztna-geo-tag \"AT\"\n", "set policy-expiry enable\n", "config unheard\nset a b\nend\n"}) {
    SCOPED_TRACE(more);
    EXPECT_THAT(take(kLanAndServer + policy_text(more)), HasSubstr("set status disable"));
    ASSERT_EQ(import->disabled.size(), 1u);
    EXPECT_EQ(std::count_if(import->lines.begin(), import->lines.end(),
                            [](const auto& l) { return l.why.ends_with("; so the policy is taken with status disable"); }),
              1);
  }
  EXPECT_THAT(take(kLanAndServer + policy_text("set comments \"x\"\nset uuid 1-2\nset groups ''\nset tos 0x00\n")), Not(HasSubstr("disable")));
  EXPECT_THAT(take(kLanAndServer + policy_text("set status disable\nset groups \"staff\"\n")), HasSubstr("set status disable"));
  EXPECT_TRUE(import->disabled.empty());  // as it was
}

TEST_F(FortiosImport, PolicyThatNeedsWhatWasLeftOutIsLeftOut) {
  for (const std::string more : {"set srcaddr \"lan\" \"gone\"\n", "set service \"no-such\"\n", "set schedule \"nights\"\n",
                                 "set ztna-status enable\nset ztna-ems-tag \"MAC_EMS1_ZTNA_x\"\n", "set srcaddr ''\n"}) {
    SCOPED_TRACE(more);
    EXPECT_THAT(take(kLanAndServer + policy_text(more)), Not(HasSubstr("config firewall policy")));
    ASSERT_EQ(import->left_out.size(), 1u);
    EXPECT_EQ(import->left_out[0].name, "firewall policy 1");
  }
}

TEST_F(FortiosImport, WhatWasLeftOutIsNotWhatHasItsNameHere) {
  here("config firewall address\nedit web\nset subnet 0.0.0.0/1\nnext\nend\n");
  const std::string text = kLanAndServer + "config firewall address\nedit \"web\"\nset type fqdn\nset fqdn \"a.example\"\nnext\nend\n" +
                           policy_text("set dstaddr \"web\"\n");
  EXPECT_THAT(take(text), Not(HasSubstr("config firewall policy")));
  EXPECT_EQ(why("set dstaddr \"web\""), "firewall address web is left out");
}

TEST_F(FortiosImport, WhatRefusesInFrontOfThePoliciesSwitchesThemOff) {
  for (const std::string front :
       {"config firewall acl\nedit 1\nset interface \"port1\"\nset srcaddr \"lan\"\nset dstaddr \"all\"\nset service \"ALL\"\nnext\nend\n",
        "config firewall DoS-policy\nedit 1\nset interface \"port1\"\nnext\nend\n",
        "config system settings\nset ngfw-mode policy-based\nend\n",
        "config firewall security-policy\nedit 1\nset action deny\nnext\nend\n"}) {
    SCOPED_TRACE(front);
    EXPECT_THAT(take(kLanAndServer + policy_text("") + front), HasSubstr("set status disable"));
    ASSERT_EQ(import->disabled.size(), 1u);
    EXPECT_THAT(import->disabled[0].why, HasSubstr("refuses there in front of the policies"));
  }
  EXPECT_THAT(take(kLanAndServer + policy_text("") + "config firewall acl\nend\n"), Not(HasSubstr("disable")));
}

TEST_F(FortiosImport, IcmpOfOneFamilyIsNotThatOfBoth) {
  const std::string six = "set srcaddr6 \"all\"\nset dstaddr6 \"all\"\n";
  const std::string group = "config firewall service group\nedit \"g\"\nset member \"ALL_ICMP\"\nnext\nend\n";
  const std::string own = "config firewall service custom\nedit \"ALL_ICMP\"\nset protocol ICMP\nunset icmptype\nnext\nend\n";
  for (const auto& [text, service] : {std::pair<std::string, std::string>("", "ALL_ICMP"), {own, "ALL_ICMP"}, {group, "g"}}) {
    const auto policy = policy_text(six + "set service \"" + service + "\"\n");
    EXPECT_THAT(take(kLanAndServer + text + policy), HasSubstr("set status disable")) << text << service;
  }
  EXPECT_THAT(take(kLanAndServer + policy_text(six + "set service \"PING\"\n")), Not(HasSubstr("disable")));
  EXPECT_THAT(take(kLanAndServer + policy_text("set service \"ALL_ICMP\"\n")), Not(HasSubstr("disable")));
}

TEST_F(FortiosImport, AVirtualAddressThatIsOffOpensNothing) {
  const auto proxy = [&](const std::string& status) {
    return kLanAndServer + "config firewall vip\nedit \"v\"\nset type access-proxy\nset extip 10.0.2.1\nset extintf \"any\"\n" + status +
           "next\nend\nconfig firewall access-proxy\nedit \"p\"\nset vip \"v\"\nnext\nend\n"
           "config firewall proxy-policy\nedit 1\nset proxy access-proxy\nset access-proxy \"p\"\nset srcintf \"any\"\n"
           "set srcaddr \"lan\"\nset dstaddr \"all\"\nset action accept\nset schedule \"always\"\nnext\nend\n";
  };
  EXPECT_THAT(take(proxy("")), Not(HasSubstr("disable")));
  EXPECT_THAT(take(proxy("set status enable\n")), Not(HasSubstr("disable")));
  EXPECT_THAT(take(proxy("set status disable\n")), AnyOf(HasSubstr("set status disable"), Not(HasSubstr("proxy-policy"))));
}

TEST_F(FortiosImport, BehindARefusalThatIsNotInForceNothingIsOn) {
  const auto refused = policy_text("set groups \"staff\"\n", "1", "deny");
  EXPECT_THAT(take(kLanAndServer + refused + policy_text("", "2")), HasSubstr("edit 2"));
  ASSERT_EQ(import->disabled.size(), 2u);
  EXPECT_THAT(import->disabled[1].why, HasSubstr("stands behind firewall policy 1"));
  // Left out altogether, it isn't in force either.
  take(kLanAndServer + policy_text("set dstaddr \"gone\"\n", "1", "deny") + policy_text("", "2"));
  ASSERT_EQ(import->disabled.size(), 1u);
  EXPECT_EQ(import->disabled[0].name, "firewall policy 2");
  // In front of it, and by other interfaces, policies stay as they are.
  take(kLanAndServer + policy_text("", "2") + refused + policy_text("set srcintf \"port9\"\n", "3"));
  ASSERT_EQ(import->disabled.size(), 1u);
  EXPECT_EQ(import->disabled[0].name, "firewall policy 1");
  // A refusal by an interface that isn't here refuses nothing.
  take(kLanAndServer + policy_text("", "1", "deny") + policy_text("set srcintf \"any\"\n", "2"), {"eth0"});
  ASSERT_EQ(import->disabled.size(), 1u);
  EXPECT_THAT(import->notices, ElementsAre(HasSubstr("the text doesn't say what the services HTTPS are"),
                                           HasSubstr("this machine has no interface port1, port2")));
}

TEST_F(FortiosImport, FamiliesStayApart) {
  const auto all4 = take(kLanAndServer + policy_text("set srcaddr \"all\"\nset dstaddr \"all\"\n"));
  EXPECT_THAT(all4, HasSubstr("set srcaddr \"all-ipv4\"\n        set dstaddr \"all\"\n"));
  EXPECT_THAT(all4, HasSubstr("edit \"all-ipv4\"\n        set type iprange\n        set start-ip 0.0.0.0\n"));
  EXPECT_THAT(take(kLanAndServer + policy_text("set srcaddr \"all\"\n")), HasSubstr("set srcaddr \"all\""));
  const auto both = take(kLanAndServer + policy_text("set srcaddr all\nset dstaddr all\nset srcaddr6 all\nset dstaddr6 all\n"));
  EXPECT_THAT(both, HasSubstr("set srcaddr \"all\"\n        set dstaddr \"all\"\n"));
  const std::string six = "config firewall address6\nedit \"lan6\"\nset ip6 2001:db8:1::/64\nnext\nend\n";
  const auto mixed = take(kLanAndServer + six + policy_text("set srcaddr all\nset srcaddr6 lan6\nset dstaddr6 all\n"));
  EXPECT_THAT(mixed, HasSubstr("set srcaddr \"all-ipv4\" \"lan6\"\n        set dstaddr \"srv\" \"all-ipv6\"\n"));
  // One end alone lets no IPv6 through.
  EXPECT_THAT(take(kLanAndServer + six + policy_text("set srcaddr6 lan6\n")), HasSubstr("set srcaddr \"lan\"\n"));
  // A name for both families is one name here.
  take(kLanAndServer + "config firewall address6\nedit \"lan\"\nset ip6 2001:db8:1::/64\nnext\nend\n" + policy_text(""));
  EXPECT_EQ(import->left_out.size(), 3u);
}

TEST_F(FortiosImport, EntriesAreTranslated) {
  const auto config = take(
      "config endpoint-control fctems\nedit 2\nset status enable\nset server \"ems.example\"\n"
      "set serial-number \"FCTEMS0000000001\"\nnext\nend\n" + kLanAndServer +
      "config firewall address\nedit \"host-bits\"\nset subnet 10.0.1.7 255.255.255.0\nnext\nend\n"
      "config firewall address6\nedit \"six\"\nset type ipprefix\nset ip6 2001:db8::5/32\nnext\nend\n"
      "config firewall service custom\nedit \"s\"\nset protocol TCP/UDP/SCTP\nset tcp-portrange 80:0-65535\nnext\nend\n"
      "config firewall vip\nedit \"v\"\nset type access-proxy\nset extip 10.0.2.1-10.0.2.1\nset extport 443\n"
      "set ssl-certificate \"Fortinet_SSL\"\nnext\nend\n" +
      policy_text("set ztna-status enable\nset ztna-ems-tag \"FCTEMS0000000001_Healthy\"\n"));
  EXPECT_THAT(config, HasSubstr("edit \"host-bits\"\n        set subnet 10.0.1.0 255.255.255.0\n"));
  EXPECT_THAT(config, HasSubstr("edit \"six\"\n        set subnet 2001:db8::/32\n"));
  EXPECT_THAT(config, HasSubstr("set tcp-portrange 80\n"));
  EXPECT_THAT(config, HasSubstr("edit \"v\"\n        set extip 10.0.2.1\n"));
  EXPECT_THAT(config, HasSubstr("set ztna-ems-tag \"EMS2_ZTNA_Healthy\"\n"));
  EXPECT_EQ(verdict("set ip6 2001:db8::5/32"), Verdict::kTranslated);
  EXPECT_EQ(why("set subnet 10.0.1.7"), "set subnet \"10.0.1.0 255.255.255.0\"");
  EXPECT_TRUE(import->disabled.empty()) << import->disabled[0].why;
  EXPECT_TRUE(import->left_out.empty()) << import->left_out[0].why;
}

TEST_F(FortiosImport, NotesAreMadeToFit) {
  const std::string note = std::string(254, 'x') + "\xc3\xa4";
  const auto config = take("config firewall address\nedit \"a\"\nset comment \"two\nlines\"\nset subnet 10.0.1.0/24\nnext\n"
                           "edit \"b\"\nset comment \"" + note + "\"\nset subnet 10.0.1.0/24\nnext\nend\n");
  EXPECT_THAT(config, HasSubstr("set comment \"two lines\"\n"));
  EXPECT_THAT(config, HasSubstr("set comment \"" + std::string(254, 'x') + "\"\n"));
}

TEST_F(FortiosImport, BuiltInServicesThatMeanSomethingElseSwitchOff) {
  EXPECT_THAT(take(kLanAndServer + policy_text("set service \"PING\"\n")), Not(HasSubstr("disable")));
  const std::string http = "config firewall service custom\nedit \"HTTPS\"\nset tcp-portrange 443 10443\nnext\nend\n";
  EXPECT_THAT(take(kLanAndServer + http + policy_text("")), HasSubstr("set status disable"));
  EXPECT_THAT(import->left_out[0].why, HasSubstr("is something else here, and built in (tcp-portrange 443)"));
  const std::string same = "config firewall service custom\nedit \"HTTPS\"\nset tcp-portrange 443\nset color 1\nnext\nend\n";
  EXPECT_THAT(take(kLanAndServer + same + policy_text("")), Not(HasSubstr("disable")));
  EXPECT_EQ(verdict("set tcp-portrange 443"), Verdict::kTranslated);
}

TEST_F(FortiosImport, AccountsWithUnknownSecretsAreLeftOut) {
  take("config system admin\nedit \"ops\"\nset accprofile \"super_admin\"\nset password ENC SH2abc\nnext\n"
       "edit \"reader\"\nset accprofile \"read_only\"\nnext\nend\n"
       "config system api-user\nedit \"bot\"\nset api-key ENC abc\nnext\nend\n");
  ASSERT_EQ(import->left_out.size(), 3u);
  EXPECT_FALSE(import->transaction.changed());
  EXPECT_THAT(why("edit \"ops\""), HasSubstr("passwords can't be read back"));
  EXPECT_THAT(print_lines(*import), HasSubstr("set password ***"));
  EXPECT_THAT(print_lines(*import), Not(HasSubstr("SH2abc")));
}

TEST_F(FortiosImport, AccountsAreTakenExactlyOrNotAtAll) {
  const auto user = [](const std::string& lines) { return "config system api-user\nedit \"bot\"\n" + lines + "next\nend\n"; };
  const std::string profile = "set accprofile \"super_admin\"\nset vdom \"root\"\n";
  const auto from = [](const std::string& id, const std::string& network) {
    return "config trusthost\nedit " + id + "\nset ipv4-trusthost " + network + "\nnext\nend\n";
  };
  for (const auto& lines : {std::string(""), std::string("set accprofile \"\"\n"), std::string("set accp \"ro\"\n"),
                            profile + "unset accprofile\n", profile + from("1", "10.0.0.0 255.0.255.0"),
                            profile + from("0", "10.0.0.0 255.0.0.0"), profile + "set peer-group \"x\"\n",
                            profile + "set never-heard-of 7\n", profile + "config unheard\nset a b\nend\n"}) {
    SCOPED_TRACE(lines);
    take(user(lines));
    EXPECT_NE(off("system api-user bot"), "");
  }
  take(user(profile + from("1", "10.0.0.0 255.0.0.0")));
  EXPECT_EQ(off("system api-user bot"), "");
}

TEST_F(FortiosImport, AccountsThatAreHereStay) {
  const auto key = hash_key("a key that was drawn");
  here("config system api-user\nedit \"run\"\nset api-key \"" + key + "\"\nset accprofile super_admin_readonly\nnext\nend\n");
  take("config system api-user\nedit \"run\"\nset accprofile \"super_admin\"\nset vdom \"root\"\nnext\nend\n");
  EXPECT_FALSE(import->transaction.changed());
  EXPECT_THAT(off("system api-user run"), HasSubstr("is an account here already: that stays as it is"));
}

TEST_F(FortiosImport, SubnetsOfInterfacesAreNetworks) {
  const auto taken = take("config firewall address\nedit \"lan address\"\nset type interface-subnet\nset subnet 10.0.1.1 255.255.255.0\n"
                          "set interface \"lan\"\nnext\nend\nconfig firewall addrgrp\nedit \"g\"\nset type folder\nset member \"lan address\"\nnext\nend\n" +
                          kLanAndServer + policy_text("set srcaddr \"g\"\n"));
  EXPECT_THAT(taken, HasSubstr("set subnet 10.0.1.0 255.255.255.0"));
  EXPECT_TRUE(on());
}

TEST_F(FortiosImport, LostLinesLeaveTheirEntryOut) {
  // Cut off behind the action; a line that a terminal broke; an entry whose next is missing; a move.
  for (const std::string& text :
       {std::string("config firewall policy\nedit 1\nset srcintf any\nset dstintf any\nset srcaddr lan\nset dstaddr srv\n"
                    "set service ALL\nset action accept\n"),
        policy_text("nonsense\n"), "config firewall policy\nedit 7\nset action accept\n" + policy_text("").substr(23),
        policy_text("") + "config firewall policy\nmove 1 before 2\nend\n" + policy_text("", "1"),
        policy_text("set comments \"never closed\n")}) {
    SCOPED_TRACE(text);
    const auto config = take(kLanAndServer + text);
    EXPECT_THAT(config, Not(HasSubstr("edit 7")));
    if (text.find("move") == text.npos && text.find("edit 7") == text.npos) {
      EXPECT_THAT(config, Not(HasSubstr("config firewall policy")));
    }
  }
  const std::string moved = policy_text("").substr(0, policy_text("").size() - 4) + "move 1 after 2\nend\n";
  EXPECT_THAT(take(kLanAndServer + moved), Not(HasSubstr("config firewall policy")));
}

// A refusal that is in force here gives way to a refusal only.
TEST_F(FortiosImport, RefusalsThatAreHereStay) {
  here(kLanAndServer + policy_text("", "2", "deny") + policy_text("", "1") + policy_text("", "9"));
  take(kLanAndServer + policy_text("", "1", "deny") + policy_text("", "2"));
  EXPECT_NE(off("firewall policy 2"), "");
  const auto& tree = import->transaction.tree();
  EXPECT_EQ(tree.find({{"firewall policy", "2"}})->values.count("action"), 0u) << "deny is the default";
  EXPECT_EQ(tree.find({{"firewall policy", "1"}})->values.count("action"), 0u);
  EXPECT_EQ(import->changed.size(), 1u);
}

TEST_F(FortiosImport, OneVirtualDomainIsTaken) {
  const auto config = take("config vdom\nedit root\nnext\nedit guest\nnext\nend\nconfig global\nconfig system global\n"
                           "set hostname \"gw\"\nend\nend\nconfig vdom\nedit guest\nconfig firewall address\nedit \"g\"\n"
                           "set subnet 10.9.0.0/16\nnext\nend\nend\nconfig vdom\nedit root\nconfig firewall address\n"
                           "edit \"r\"\nset subnet 10.8.0.0/16\nnext\nend\nend\n");
  EXPECT_THAT(config, HasSubstr("hostname \"gw\""));
  EXPECT_THAT(config, HasSubstr("edit \"r\""));
  EXPECT_THAT(config, Not(HasSubstr("edit \"g\"")));
  EXPECT_EQ(why("edit \"g\""), "belongs to the virtual domain guest; only root is taken");
}

TEST_F(FortiosImport, TerminalsLeaveTheirTraces) {
  const auto config = take("\xef\xbb\xbf" "FGT-1 # show firewall address\r\nFGT-1 (root) # config firewall address\r\n"
                           "    edit \"lan\"\r\n--More--\r         \r        set subnet 10.0.1.0 255.255.255.0\r\n    next\r\n"
                           "end\r\n\r\nFGT-1 # \r\n");
  EXPECT_EQ(config, "config firewall address\n    edit \"lan\"\n        set subnet 10.0.1.0 255.255.255.0\n    next\nend\n");
  EXPECT_EQ(why("show firewall"), "a prompt");
}

TEST_F(FortiosImport, ANameThatIsTakenHereLeavesOutItsEntryAlone) {
  here("config firewall address\nedit app\nset subnet 10.9.0.0/16\nnext\nend\n"
       "config firewall service custom\nedit svc\nset tcp-portrange 80\nnext\nend\n"
       "config firewall schedule onetime\nedit once\nset start 08:00 2026/11/27\nset end 09:00 2026/11/27\nnext\nend\n");
  const std::string text = kLanAndServer + "config firewall service custom\nedit T80\nset tcp-portrange 80\nnext\nend\n" + policy_text("");
  for (const std::string clash : {"config firewall addrgrp\nedit app\nset member lan\nnext\nend\n",
                                  "config firewall addrgrp\nedit all\nset member lan\nnext\nend\n",
                                  "config firewall service group\nedit svc\nset member T80\nnext\nend\n",
                                  "config firewall service group\nedit HTTP\nset member T80\nnext\nend\n",
                                  "config firewall schedule group\nedit once\nset member always\nnext\nend\n"}) {
    SCOPED_TRACE(clash);
    take(text + clash);
    ASSERT_EQ(import->left_out.size(), 1u);
    EXPECT_THAT(import->left_out[0].why, HasSubstr("here already, and both share one list"));
    EXPECT_TRUE(on());
  }
}

TEST_F(FortiosImport, EveryIpv4AddressIsARange) {
  EXPECT_THAT(take("config firewall address\nedit \"any\"\nset subnet 0.0.0.0 0.0.0.0\nnext\nend\n"),
              HasSubstr("edit \"any\"\n        set type iprange\n        set start-ip 0.0.0.0\n        set end-ip 255.255.255.255\n"));
  EXPECT_EQ(verdict("set subnet"), Verdict::kTranslated);
}

TEST_F(FortiosImport, ConnectorsThatHaveNamesGetNumbers) {
  const auto config = take(
      "config endpoint-control fctems\nedit \"ems138\"\nset server \"a.example\"\nset serial-number \"FCTEMS0000000138\"\nnext\n"
      "edit 1\nset server \"b.example\"\nset serial-number \"FCTEMS0000000001\"\nnext\nend\n" + kLanAndServer +
      policy_text("set ztna-status enable\nset ztna-ems-tag \"FCTEMS0000000138_low\"\n"));
  EXPECT_THAT(config, HasSubstr("edit 2\n        set name \"ems138\"\n        set server \"a.example\"\n"));
  EXPECT_THAT(config, HasSubstr("set ztna-ems-tag \"EMS2_ZTNA_low\"\n"));
  EXPECT_EQ(why("edit \"ems138\""), "edit 2, set name ems138");
  EXPECT_TRUE(import->left_out.empty());
  // Nobody else's here; and the same once more.
  const std::string named = "config endpoint-control fctems\nedit \"ems138\"\nset server \"a.example\"\nnext\nend\n";
  here("config endpoint-control fctems\nedit 1\nset server \"c.example\"\nnext\n"
       "edit 2\nset server \"d.example\"\nnext\nend\n");
  EXPECT_THAT(take(named), HasSubstr("edit 3\n        set name \"ems138\""));
  ASSERT_TRUE(store->commit(import->transaction));
  take(named);
  EXPECT_FALSE(import->transaction.changed());
}

TEST_F(FortiosImport, WhatWasFoundOfTheSameEmsStays) {
  const auto connector = [](const std::string& more) {
    return "config endpoint-control fctems\nedit 1\nset status enable\nset server \"ems.example\"\n" + more + "next\nend\n";
  };
  const std::string print(64, 'A');
  here(connector("set serial-number \"PSTEMS0000000001\"\nset certificate-fingerprint " + print + "\n"));
  take(connector("set name \"EMS\"\nset serial-number \"FCTEMS0000000001\"\n"));
  EXPECT_THAT(print_tree(import->transaction.tree()), AllOf(HasSubstr("PSTEMS0000000001"), HasSubstr("certificate-fingerprint")));
  take(connector("set serial-number \"FCTEMS0000000001\"\n"));
  EXPECT_FALSE(import->transaction.changed());
  EXPECT_THAT(take(connector("set https-port 8443\n")), Not(HasSubstr("certificate-fingerprint")));
  take("config endpoint-control fctems\nedit 1\nnext\nedit 2\nnext\nend\n");
  EXPECT_FALSE(import->transaction.changed());
  EXPECT_THAT(off("endpoint-control fctems 1"), HasSubstr("empty slot"));
}

TEST_F(FortiosImport, MomentsAreThoseOfTheirSeconds) {
  const auto once = [](const std::string& more) {
    return "config firewall schedule onetime\nedit once\nset start 08:00 2026/11/27\nset end 09:00 2026/11/27\n" + more + "next\nend\n";
  };
  const char* const zone = std::getenv("TZ");
  const std::string before = zone ? zone : "";
  ::setenv("TZ", "CET-1", 1);
  ::tzset();
  // 07:00:01 and 08:00:59 UTC.
  const auto taken = take(once("set start-utc 1795762801\nset end-utc 1795766459\n"));
  EXPECT_THAT(taken, AllOf(HasSubstr("set start 08:01 2026/11/27"), HasSubstr("set end 09:00 2026/11/27")));
  EXPECT_EQ(verdict("set start-utc"), Verdict::kTaken);
  EXPECT_THAT(why("set start 08"), HasSubstr("by start-utc"));
  EXPECT_EQ(verdict("set end 09"), Verdict::kTaken);
  EXPECT_THAT(take(once("set end-utc 1700000000\n")), Not(HasSubstr("once")));
  EXPECT_THAT(off("firewall schedule onetime once"), HasSubstr("a moment after start"));
  take(once("set end-utc soon\n"));
  EXPECT_THAT(off("firewall schedule onetime once"), HasSubstr("end-utc: is no number of seconds"));
  zone ? ::setenv("TZ", before.c_str(), 1) : ::unsetenv("TZ");
  ::tzset();
  take("config system global\nset timezone \"Europe/Berlin\"\nend\nconfig firewall schedule recurring\nedit w\nset day monday\nnext\nend\n");
  EXPECT_THAT(import->notices, testing::Contains(HasSubstr("by its time zone (Europe/Berlin)")));
}

TEST_F(FortiosImport, TagsOfConnectorsThatTheTextLacksAreNamed) {
  take(kLanAndServer + policy_text("set ztna-status enable\nset ztna-ems-tag \"FCTEMS0000000000_x\"\n"));
  EXPECT_THAT(off("firewall policy 1"), HasSubstr("ztna-ems-tag: FCTEMS0000000000_x is a tag of a connector that this text doesn't have"));
}

TEST_F(FortiosImport, NumbersOfPoliciesAreAsLargeAsThere) {
  take(kLanAndServer + policy_text("", "1073741825", "deny") + policy_text("", "4294967294"));
  EXPECT_TRUE(on("1073741825"));
  EXPECT_TRUE(on("4294967294"));
  EXPECT_EQ(read_config(import->transaction.tree()).firewall_policies[1].id, 4294967294u);
}

TEST_F(FortiosImport, TheSameRefusalAgainIsTheSame) {
  const auto text = kLanAndServer + policy_text("", "1", "deny");
  take(text, {"port9"});
  ASSERT_TRUE(store->commit(import->transaction));
  take(text, {"port9"});
  EXPECT_EQ(off("firewall policy 1"), "");
  EXPECT_EQ(import->same.size(), 3u);
}

TEST_F(FortiosImport, KeysAndCommunitiesAreNotShown) {
  take("config system snmp community\nedit 1\nset name \"open-sesame\"\nnext\nend\nconfig router key-chain\nedit \"a\"\n"
       "config key\nedit \"1\"\nset key-string open-sesame\nnext\nend\nnext\nend\n"
       "config system ddns\nedit 1\nset ddns-key \"open-sesame\"\nnext\nend\n");
  EXPECT_THAT(print_lines(*import), Not(HasSubstr("sesame")));
  EXPECT_THAT(print_lines(*import), AllOf(HasSubstr("set name ***"), HasSubstr("set key-string ***"), HasSubstr("set ddns-key ***")));
  for (const std::string name : {"key", "authkey", "md5-keys", "keytab", "http-headers", "md5-key", "pre-shared-key", "passwd2"}) {
    take("config router x\nedit 1\nset " + name + " \"Sesame1\"\nnext\nend\n");
    EXPECT_THAT(print_lines(*import), testing::Not(HasSubstr("Sesame1"))) << name;
  }
}

TEST_F(FortiosImport, UnknownTablesAreIgnoredLineByLine) {
  take("config router static\nedit 1\nset gateway 10.0.2.254\nconfig deeper\nedit 1\nset x y\nnext\nend\nnext\nend\n"
       "config nobody knows\nset a b\nend\n");
  EXPECT_THAT(why("set x y"), HasSubstr("routes are the kernel's"));
  EXPECT_EQ(why("set a b"), "there is no such table; it may refuse in front of the policies: those of this text are taken with status disable");
  EXPECT_THAT(print_summary(*import), HasSubstr("13 lines: 0 taken, 0 taken in other words, 13 ignored"));
}

}  // namespace
}  // namespace postern::gateway::config::fortios
