// Texts in parts: what is here already, and what a part doesn't say of it.
#include <fstream>

#include "gateway/config/import/fortios_lab.h"
#include "gateway/config/import/report.h"

namespace postern::gateway::config::fortios {
namespace {

using ::testing::HasSubstr;

class PartsImport : public FortiosLab {
 protected:
  void take_over(const std::string& text) {
    take(text);
    ASSERT_TRUE(store->commit(import->transaction));
  }
  static std::string service(const std::string& more) {
    return "config firewall service custom\nedit \"X\"\nset tcp-portrange 1-65535\n" + more + "next\nend\n";
  }
  static std::string vip(const std::string& more) {
    return "config firewall vip\nedit \"v\"\nset type access-proxy\nset extip 10.0.2.1\nset extintf \"any\"\n" + more + "next\nend\n";
  }
};

const std::string kNarrow = "set iprange 10.9.9.9\n";
const std::string kByX = "set service \"X\"\n";
const std::string kProxyOfV = "config firewall access-proxy\nedit \"p\"\nset vip \"v\"\nnext\nend\n";
const std::string kProxyPolicy =
    "config firewall proxy-policy\nedit 1\nset proxy access-proxy\nset access-proxy \"p\"\nset srcintf \"any\"\n"
    "set srcaddr \"all\"\nset dstaddr \"all\"\nset schedule \"always\"\nset action accept\nnext\nend\n";

TEST_F(PartsImport, WhatAllowsMoreIsNotTakenWithoutItsPolicies) {
  take_over(kLanAndServer + service(kNarrow));
  EXPECT_THAT(off("firewall service custom X"), HasSubstr("and no policy of this text uses it"));
  take(policy_text(kByX));
  EXPECT_FALSE(on());
  take_over(vip("set src-filter \"10.9.9.0/24\"\n") + kProxyOfV);
  EXPECT_NE(off("firewall vip v"), "");
  take(kProxyPolicy);
  EXPECT_FALSE(on("1", "firewall proxy-policy"));
}

TEST_F(PartsImport, WhatWasTakenAsWiderIsKnownLater) {
  take_over(kLanAndServer + service(kNarrow) + policy_text(kByX));
  EXPECT_FALSE(on());
  take(policy_text(kByX, "2"));
  EXPECT_THAT(off("firewall policy 2"), HasSubstr("Narrower on the FortiGate: iprange"));
  take(kLanAndServer + service(kNarrow) + policy_text(kByX));
  EXPECT_FALSE(import->transaction.changed());
  take(kLanAndServer + service("") + policy_text(kByX, "2"));
  EXPECT_TRUE(on("2"));
}

TEST_F(PartsImport, GroupsThatAreHereConsistOfWhatTheTextSays) {
  here(kLanAndServer + service("") + "config firewall service group\nedit \"G\"\nset member \"X\"\nnext\nend\n");
  take(policy_text("set service \"G\"\n"));
  EXPECT_TRUE(on());
  for (const auto& more : {kNarrow, std::string("set sctp-portrange 1\n")}) {
    take(service(more) + policy_text("set service \"G\"\n"));
    EXPECT_FALSE(on()) << more;
  }
}

TEST_F(PartsImport, PoliciesThatAreHereDoNotComeToAllowMore) {
  here(kLanAndServer + service("") + policy_text(kByX, "7") + vip("") + kProxyOfV + kProxyPolicy);
  for (const auto& text : {service(kNarrow), service(kNarrow) + policy_text(kByX, "8"), vip("set src-filter \"10.9.9.0/24\"\n") + kProxyOfV}) {
    SCOPED_TRACE(text);
    take(text);
    EXPECT_FALSE(import->transaction.changed());
    EXPECT_FALSE(import->left_out.empty());
  }
  take(service(kNarrow) + policy_text(kByX, "8"));
  EXPECT_THAT(off("firewall service custom X"), HasSubstr("firewall policy 7, which is here, uses it: switch that off first"));
  take(service(kNarrow) + policy_text(kByX, "7"));
  EXPECT_FALSE(on("7"));
}

TEST_F(PartsImport, NamesOfTheOtherFamilyStayWhatTheyAre) {
  const std::string six = "config firewall address6\nedit \"srv\"\nset ip6 2001:db8::/32\nnext\nend\n";
  here(kLanAndServer);
  take(six);
  EXPECT_FALSE(import->transaction.changed());
  EXPECT_THAT(off("firewall address srv"), HasSubstr("is the name of an IPv4 entry here"));
  take_over("config firewall address6\nedit \"n6\"\nset ip6 2001:db8::/32\nnext\nend\n"
            "config firewall addrgrp6\nedit \"g\"\nset member \"n6\"\nnext\nend\n");
  take("config firewall addrgrp\nedit \"g\"\nset member \"lan\"\nnext\nend\n");
  EXPECT_FALSE(import->transaction.changed());
  for (const std::string ends : {"set srcaddr \"g\"\nset dstaddr \"all\"\n", "set srcaddr \"n6\"\nset dstaddr \"all\"\n",
                                 "set srcaddr6 \"lan\"\nset dstaddr6 \"all\"\n"}) {
    take(policy_text(ends));
    EXPECT_FALSE(on()) << ends;
  }
  take(policy_text("set srcaddr6 \"g\"\nset dstaddr6 \"all\"\n"));
  EXPECT_TRUE(on());
}

TEST_F(PartsImport, LargeGroupsAreOfTheFamilyOfTheirMembers) {
  std::string addresses = "config firewall address\n", members;
  for (int i = 0; i < 600; ++i) {
    addresses += "edit \"m" + std::to_string(i) + "\"\nset subnet 10.1." + std::to_string(i / 256) + "." + std::to_string(i % 256) + "/32\nnext\n";
    members += " \"m" + std::to_string(i) + "\"";
  }
  take(kLanAndServer + addresses + "end\n" + "config firewall addrgrp\nedit \"large\"\nset member" + members + "\nnext\nend\n" +
       policy_text("set srcaddr \"large\"\n"));
  EXPECT_TRUE(on());
}

TEST_F(PartsImport, WhatStaysInForceBecauseItsSuccessorIsLeftOutIsNamed) {
  take_over(kLanAndServer + policy_text(""));
  take(policy_text("nonsense\n"));
  EXPECT_NE(off("firewall policy 1"), "");
  EXPECT_THAT(import->notices, testing::Contains(HasSubstr("firewall policy 1 of the text is left out, and that which is here")));
}

TEST_F(PartsImport, WhatStaysInForceAgainstTheTextIsNamed) {
  here(kLanAndServer + policy_text("") + policy_text("", "2", "deny") + policy_text("set status disable\n", "3"));
  take("config user quarantine\nset quarantine enable\nconfig targets\nedit \"a\"\nset entry 1\nnext\nend\nend\n");
  EXPECT_THAT(import->notices, testing::ElementsAre(testing::EndsWith("stays in force all the same, look whether it may: "
                                                                      "firewall policy 1")));
  take("config system interface\nedit \"port1\"\nset security-mode captive-portal\nnext\nend\n");
  EXPECT_THAT(import->notices, testing::ElementsAre(testing::AllOf(HasSubstr("security-mode captive-portal"),
                                                                   testing::EndsWith(": firewall policy 1"))));
  take("config system interface\nedit \"port3\"\nset security-mode captive-portal\nnext\nend\n");
  EXPECT_THAT(import->notices, testing::IsEmpty());
}

/// Each table of a whole configuration, and every two of them, over that configuration.
TEST_F(PartsImport, AnyTablesOfAConfigurationGoOverIt) {
  std::ifstream file(std::string(POSTERN_SOURCE_DIR) + "/tests/golden/fortios-branch.conf");
  std::vector<std::string> tables = {"config system interface\nedit \"port1\"\nset security-mode captive-portal\nnext\nend\n",
                                     "config firewall acl\nedit 1\nset interface \"port1\"\nnext\nend\n"};
  std::string whole, table;
  for (std::string line; std::getline(file, line);) {
    whole += line + '\n';
    table = line.starts_with("config ") ? line + '\n' : table + line + '\n';
    if (line == "end") tables.push_back(table);
  }
  ASSERT_GT(tables.size(), 10u);
  take_over(whole);
  for (const auto& first : tables) {
    take(first);
    for (const auto& second : tables) take(first + second);
  }
}

TEST_F(PartsImport, ProxyPoliciesThatStayAreNamedToo) {
  here(vip("") + kProxyOfV + "config firewall proxy-policy\nedit 1\nset access-proxy p\nset action accept\nnext\nend\n");
  for (const std::string setting : {"set security-mode captive-portal\n", "set status down\n"}) {
    take("config system interface\nedit \"port1\"\n" + setting + "next\nend\n");
    EXPECT_THAT(import->notices, testing::Contains(testing::EndsWith("look whether it may: firewall proxy-policy 1"))) << setting;
  }
}

TEST_F(PartsImport, EntriesThatWereHereAreSaidToStandInFront) {
  const std::string all = "set service \"ALL\"\n";
  here(kLanAndServer + policy_text(all, "5", "deny"));
  take(policy_text(all));
  EXPECT_THAT(import->notices,
              testing::ElementsAre("the entries of firewall policy that were here before stand in front of those that are new"));
  take(policy_text(all, "5", "deny"));
  EXPECT_THAT(import->notices, testing::IsEmpty());
  take(policy_text(all, "5", "deny") + policy_text(all));
  EXPECT_THAT(import->notices, testing::IsEmpty());
}

TEST_F(PartsImport, AccessProxyRemembersWhatItLacks) {
  const std::string portal = "config firewall access-proxy\nedit \"p\"\nset vip \"v\"\nset auth-portal enable\nnext\nend\n";
  take_over(vip("") + portal + kProxyPolicy);
  EXPECT_FALSE(on("1", "firewall proxy-policy"));
  std::string second = kProxyPolicy;
  second.replace(second.find("edit 1"), 6, "edit 2");
  take(second);
  EXPECT_FALSE(on("2", "firewall proxy-policy"));
  EXPECT_THAT(off("firewall proxy-policy 2"), HasSubstr("Narrower on the FortiGate: auth-portal"));
  take(vip("") + portal + kProxyPolicy);
  EXPECT_FALSE(import->transaction.changed());
}

TEST_F(PartsImport, AccessProxyThatIsHereLetsInNoMoreThanTheTextsVirtualAddress) {
  const std::string accepts = "config firewall access-proxy\nedit \"p\"\nset vip \"v\"\nset empty-cert-action accept\nnext\nend\n";
  for (const bool open : {false, true}) {
    SCOPED_TRACE(open);
    store = ConfigStore::in_memory(gateway_schema());
    here(vip("") + (open ? accepts : kProxyOfV));
    take(vip("set client-cert enable\n") + kProxyPolicy);
    EXPECT_EQ(on("1", "firewall proxy-policy"), !open);
  }
}

TEST_F(PartsImport, PoliciesThatAreHereKeepTheirMeaning) {
  const std::string group = "config firewall addrgrp\nedit \"g\"\nset member \"lan\"\nnext\nend\n";
  const std::string wider = "config firewall address\nedit lan\nset subnet 10.0.0.0/16\nnext\nend\n";
  for (const auto& [action, source] : {std::pair{"accept", "lan"}, {"deny", "lan"}, {"accept", "g"}}) {
    SCOPED_TRACE(std::string(action) + " " + source);
    store = ConfigStore::in_memory(gateway_schema());
    here(kLanAndServer + group + policy_text("set srcaddr \"" + std::string(source) + "\"\n", "31", action));
    take(wider + group);
    EXPECT_FALSE(import->transaction.changed());
    EXPECT_THAT(off("firewall address lan"), HasSubstr("is something else than here, and firewall policy 31, which is here, uses it"));
    take(wider + policy_text("", "5"));
    EXPECT_FALSE(import->transaction.changed());
    take("config firewall address\nedit lan\nset subnet 10.0.1.0/24\nset comment \"x\"\nnext\nend\n");
    EXPECT_TRUE(import->transaction.changed());
    take(wider + group + policy_text("set srcaddr \"" + std::string(source) + "\"\n", "31", action));
    EXPECT_EQ(off("firewall address lan"), "");
  }
  store = ConfigStore::in_memory(gateway_schema());
  here(kLanAndServer + policy_text("set status disable\n", "31"));
  take(wider);
  EXPECT_EQ(off("firewall address lan"), "");
}

TEST_F(PartsImport, RefusalInForceIsReplacedByWhatRefusesAsMuchAlone) {
  here(kLanAndServer + policy_text("", "1", "deny") + policy_text("", "2"));
  for (const auto& text : {policy_text(""), policy_text("set status disable\n"), policy_text("set groups \"staff\"\n"),
                           policy_text("set status disable\n", "1", "deny"), policy_text("set srcaddr \"srv\"\n", "1", "deny"),
                           policy_text("set ztna-status enable\nset ztna-ems-tag \"EMS1_ZTNA_x\"\n", "1", "deny")}) {
    SCOPED_TRACE(text);
    take(text);
    EXPECT_FALSE(import->transaction.changed());
    EXPECT_THAT(off("firewall policy 1"), HasSubstr("that of this number which is here refuses: it stays"));
  }
  take(policy_text("set service \"ALL\"\nset srcaddr \"lan\" \"srv\"\nset comments \"x\"\n", "1", "deny"));
  EXPECT_EQ(import->changed.size(), 1u);
}

TEST_F(PartsImport, SyslogIsTakenWhereItIsSpokenToAsItExpects) {
  const auto text = [](const std::string& more) {
    return "config log syslogd setting\nset status enable\nset server \"10.0.2.20\"\nset facility local3\n" + more + "end\n";
  };
  EXPECT_EQ(take(text("set mode reliable\nset format rfc5424\n")),
            "config log syslogd setting\n    set status enable\n    set server \"10.0.2.20\"\n    set mode reliable\n"
            "    set facility local3\n    set format rfc5424\nend\n");
  EXPECT_NE(take(text("set enc-algorithm disable\n")), "");
  // What went out encrypted never goes out in the clear, nor to a server that would understand something else.
  for (const std::string other : {"set enc-algorithm high\n", "set mode legacy-reliable\n", "set format cef\n"}) {
    EXPECT_EQ(take(text(other)), "") << other;
    EXPECT_EQ(import->left_out.size(), 1u) << other;
  }
  take("config log syslogd2 setting\nset status enable\nset server \"10.0.2.21\"\nend\n");
  EXPECT_THAT(why("set server"), testing::HasSubstr("there is one syslog server"));
}

}  // namespace
}  // namespace postern::gateway::config::fortios
