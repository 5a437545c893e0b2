// Every rule over a list of entries: what it says where neither of two holds, one, and both, by all and by any.
#include <gtest/gtest.h>

#include <set>

#include "posture/rules/registry.h"
#include "posture/rules/rule_lab.h"

namespace postern::posture {
namespace list_rule {
namespace {

using namespace testing;
using enum Verdict;
using enum OsFamily;
using List = std::vector<std::string>;

/// A rule with two entries, and facts of which neither holds, the first alone, and both.
struct Row {
  const char* type;
  OsFamily os;
  Parameters parameters;
  FactMap neither, first, both;
};

/// Entries that are held against one list of texts.
Row over_list(const char* type, OsFamily os, Parameters parameters, std::string_view key, List first, List both) {
  return {type,
          os,
          std::move(parameters),
          facts_of({{key, texts({"other"})}}),
          facts_of({{key, texts(std::move(first))}}),
          facts_of({{key, texts(std::move(both))}})};
}

/// Entries that have a fact each, true or false.
Row of_flags(const char* type, Parameters parameters, std::string_view first, std::string_view second) {
  const auto facts = [&](bool a, bool b) { return facts_of({{first, known(a)}, {second, known(b)}}); };
  return {type, kLinux, std::move(parameters), facts(false, false), facts(true, false), facts(true, true)};
}

FactMap addresses(std::initializer_list<const char*> list) {
  return facts_of({{keys::kInterfaces, known(std::vector<Interface>{interface("eth0", list)})}});
}

std::vector<Row> rows() {
  const auto av = [](List running, Fact at) {
    return facts_of({{keys::kAvRunning, texts(std::move(running))}, {keys::kAvSignaturesAt, std::move(at)}});
  };
  const auto packages = [](List a, List b) {
    return facts_of({{"package.versions:a", texts(std::move(a))}, {"package.versions:b", texts(std::move(b))}});
  };
  const auto system = [](const char* id, const char* version) {
    return facts_of({{keys::kOsId, text(id)}, {keys::kOsName, text(id)}, {keys::kOsVersionId, text(version)}});
  };
  const auto windows = [](bool defender, bool firewall) {
    return facts_of({{keys::kDefender, known(defender)}, {keys::kFeatureFirewall, known(firewall)}});
  };
  const auto macos = [](bool gatekeeper, bool sip) {
    return facts_of({{keys::kGatekeeper, known(gatekeeper)}, {keys::kSystemIntegrity, known(sip)}});
  };
  const List names{"a", "b"}, paths{"/a", "/b"}, cves{"CVE-2024-3094", "CVE-2021-44228"};
  return {
      over_list("ad-groups", kLinux, {{"groups", names}}, keys::kUserGroups, {"a"}, names),
      {"anti-virus",
       kLinux,
       {{"checks", List{"running", "up-to-date"}}},
       av({}, ago(8 * kDay)),
       av({"x"}, ago(8 * kDay)),
       av({"x"}, ago(kDay))},
      of_flags("cve", {{"cves", cves}}, "ems.vuln_cve:CVE-2024-3094", "ems.vuln_cve:CVE-2021-44228"),
      of_flags("directory", {{"paths", paths}}, "directory.exists:/a", "directory.exists:/b"),
      over_list("disk-encryption", kLinux, {{"volumes", paths}}, keys::kEncryptedVolumes, {"/a"}, paths),
      over_list("disk-encryption", kWindows, {{"scope", "volumes"}, {"volumes", List{"C:", "D:"}}},
                keys::kEncryptedVolumes, {"c:"}, {"c:", "d:"}),
      {"dns-server",
       kLinux,
       {{"servers", List{"10.0.0.1", "10.0.0.2"}}},
       facts_of({{keys::kDnsServers, texts({})}}),
       facts_of({{keys::kDnsServers, texts({"10.0.0.1"})}}),
       facts_of({{keys::kDnsServers, texts({"10.0.0.1", "10.0.0.2"})}})},
      over_list("domain-joined", kLinux, {{"domains", names}}, keys::kJoinedDomains, {"a"}, names),
      over_list("edr", kLinux, {{"products", names}, {"state", "running"}}, keys::kEdrRunning, {"a"}, names),
      over_list("edr", kLinux, {{"products", names}, {"state", "installed"}}, keys::kEdrInstalled, {"a"}, names),
      of_flags("file", {{"paths", paths}}, "file.exists:/a", "file.exists:/b"),
      over_list("firewall-threat", kWindows, {{"ids", List{"1", "2"}}}, keys::kFirewallThreats, {"1"}, {"1", "2"}),
      {"ip-range",
       kLinux,
       {{"ranges", List{"10.0.1.0/24", "10.0.2.0/24"}}},
       addresses({"10.0.3.1"}),
       addresses({"10.0.1.1"}),
       addresses({"10.0.1.1", "10.0.2.1"})},
      over_list("link-type", kLinux, {{"types", List{"vpn", "ethernet"}}}, keys::kLinkTypes, {"vpn"},
                {"vpn", "ethernet"}),
      over_list("linux-security", kLinux, {{"modules", List{"smack", "tomoyo"}}}, keys::kSecurityModules, {"smack"},
                {"smack", "tomoyo"}),
      {"listening-port",
       kLinux,
       {{"ports", List{"tcp/1", "tcp/2"}}},
       facts_of({{keys::kListening, texts({})}}),
       facts_of({{keys::kListening, texts({"tcp [::]:1"})}}),
       facts_of({{keys::kListening, texts({"tcp [::]:1", "tcp [::]:2"})}})},
      over_list("logged-in-domain", kLinux, {{"domains", names}}, keys::kUserDomains, {"a"}, names),
      {"macos-security",
       kMacos,
       {{"checks", List{"gatekeeper", "sip"}}},
       macos(false, false),
       macos(true, false),
       macos(true, true)},
      {"os-version",
       kLinux,
       {{"versions", List{"Debian", "Debian 12"}}},
       system("fedora", "12"),
       system("debian", "13"),
       system("debian", "12")},
      {"package", kLinux, {{"packages", names}}, packages({}, {}), packages({"1"}, {}), packages({"1"}, {"1"})},
      of_flags("running-process", {{"processes", names}}, "process.running:a", "process.running:b"),
      of_flags("service", {{"services", names}, {"state", "active"}}, "service.active:a.service",
               "service.active:b.service"),
      of_flags("service", {{"services", names}, {"state", "enabled"}}, "service.enabled:a.service",
               "service.enabled:b.service"),
      over_list("user", kLinux, {{"names", names}}, keys::kLoggedInUsers, {"a"}, names),
      {"windows-security",
       kWindows,
       {{"checks", List{"defender", "firewall"}}},
       windows(false, false),
       windows(true, false),
       windows(true, true)},
  };
}

TEST(ListRules, NeitherOneAndBothByAllAndAny) {
  for (Row& row : rows()) {
    SCOPED_TRACE(row.type);
    for (const bool all : {true, false}) {
      row.parameters["match"] = all ? "all" : "any";
      const auto rule = make(row.type, row.parameters, row.os);
      expect_verdict(*rule, row.neither, kNoMatch);
      expect_verdict(*rule, row.first, all ? kNoMatch : kMatch);
      expect_verdict(*rule, row.both, kMatch);
      expect_verdict(*rule, {}, kUnknown);
    }
  }
}

TEST(ListRules, EveryTypeIsAmongThem) {
  std::set<std::string_view> listed{"classification", "tag"};  // theirs are no facts: in their own tests
  for (const Row& row : rows()) listed.insert(row.type);
  for (const RuleType* type : rule_types()) {
    for (const ParameterSpec& spec : type->parameters)
      EXPECT_TRUE(spec.name != "match" || listed.contains(type->name)) << type->name;
  }
}

}  // namespace
}  // namespace list_rule
}  // namespace postern::posture
