// Every rule type: each threshold crossed both ways, every kind of unknown, NOT.
#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>
#include <set>
#include <string>
#include <vector>

#include "posture/compiled_tag.h"
#include "posture/rules/registry.h"
#include "posture/rules/rule_lab.h"
#include "posture/test_facts.h"

namespace postern::posture {
namespace {

using namespace testing;
using ::testing::HasSubstr;
using enum Verdict;
using List = std::vector<std::string>;

FactMap with_counts(const VulnerabilityCounts& counts) {
  return {{std::string(keys::kEmsVulnerabilities), known(counts)}};
}

TEST(VulnerableDevices, EachSeverityCountsFromItsLevelUp) {
  const char* levels[] = {"low", "medium", "high", "critical"};
  const VulnerabilityCounts findings[] = {{.low = 1}, {.medium = 1}, {.high = 1}, {.critical = 1}};
  for (std::size_t level = 0; level < 4; ++level) {
    const auto rule = make("vulnerable-devices", {{"severity", levels[level]}});
    for (std::size_t found = 0; found < 4; ++found) {
      const bool counts = found >= level;
      expect(*rule, with_counts(findings[found]), counts ? kMatch : kNoMatch,
             counts ? "vulnerability_found" : "no_vulnerability");
      // One without a severity that can be mended could be at the level; it never hides one that
      // is.
      VulnerabilityCounts open = findings[found];
      open.unknown = open.unknown_fixable = 1;
      expect(*rule, with_counts(open), counts ? kMatch : kUnknown,
             counts ? "vulnerability_found" : "severity_unknown");
    }
    expect(*rule, with_counts({}), kNoMatch, "no_vulnerability");
    expect(*rule, with_counts({.info = 9}), kNoMatch, "no_vulnerability");
    expect(*rule, with_counts({.unknown = 9}), kNoMatch, "no_vulnerability");
    expect(*rule, with_counts({.unknown = 1, .unknown_fixable = 1}), kUnknown, "severity_unknown");
    expect_unknowns(*rule, {}, keys::kEmsVulnerabilities, known(std::int64_t{0}));
  }
  EXPECT_EQ(make("vulnerable-devices", {{"severity", "high"}})->describe(),
            "a known vulnerability is high or higher");
  EXPECT_EQ(make("vulnerable-devices", {{"severity", "critical"}})->describe(),
            "a known vulnerability is critical");
}

TEST(EmsManagement, RegisteredAndConnected) {
  const auto rule = make("ems-management", {});
  const auto facts = [](Fact registered, Fact online) {
    return FactMap{{std::string(keys::kEmsRegistered), std::move(registered)},
                   {std::string(keys::kEmsOnline), std::move(online)}};
  };
  const Fact no = known(false), yes = known(true), stale = unknown(UnknownReason::kStale);
  expect(*rule, facts(yes, yes), kMatch, "managed");
  expect(*rule, facts(yes, no), kNoMatch, "telemetry_not_connected");
  expect(*rule, facts(no, yes), kNoMatch, "not_registered");
  expect(*rule, facts(no, no), kNoMatch, "not_registered");
  expect(*rule, facts(no, stale), kNoMatch, "not_registered");
  expect(*rule, facts(stale, no), kNoMatch, "telemetry_not_connected");
  expect(*rule, facts(stale, yes), kUnknown, "stale");
  expect_unknowns(*rule, facts(yes, yes), keys::kEmsRegistered, text("yes"));
  expect_unknowns(*rule, facts(yes, yes), keys::kEmsOnline, text("yes"));
}

FactMap os_facts(const char* id, const char* name, const char* version) {
  return {{std::string(keys::kOsId), text(id)},
          {std::string(keys::kOsName), text(name)},
          {std::string(keys::kOsVersionId), text(version)}};
}
FactMap debian(const char* version) { return os_facts("debian", "Debian GNU/Linux", version); }

TEST(OsVersion, NamesWithAndWithoutVersion) {
  const auto one = make("os-version", {{"versions", List{"Debian 12"}}});
  expect(*one, debian("12"), kMatch, "os_version_matches");
  expect(*one, debian("12.7"), kMatch, "os_version_matches");
  expect(*one, debian("11"), kNoMatch, "os_version_differs");
  expect(*one, debian("13"), kNoMatch, "os_version_differs");
  expect(*one, debian("120"), kNoMatch, "os_version_differs");
  expect(*one, os_facts("ubuntu", "Ubuntu", "12"), kNoMatch, "os_version_differs");

  const auto by_name = make("os-version", {{"versions", List{"debian gnu/linux 12"}}});
  expect(*by_name, debian("12"), kMatch, "os_version_matches");
  const auto any_version = make("os-version", {{"versions", List{"Debian"}}});
  expect(*any_version, debian("sid"), kMatch, "os_version_matches");
  expect(*any_version, os_facts("fedora", "Fedora Linux", "40"), kNoMatch, "os_version_differs");
  const auto dotted = make("os-version", {{"versions", List{"Ubuntu 22.04"}}});
  expect(*dotted, os_facts("ubuntu", "Ubuntu", "22.04"), kMatch, "os_version_matches");
  expect(*dotted, os_facts("ubuntu", "Ubuntu", "22.10"), kNoMatch, "os_version_differs");
  const auto whole = make("os-version", {{"versions", List{"Windows 11"}}}, OsFamily::kWindows);
  expect(*whole, os_facts("windows", "Windows 11", "10.0.22631"), kMatch, "os_version_matches");
  expect(*whole, os_facts("windows", "Windows 10", "10.0.19045"), kNoMatch, "os_version_differs");
}

TEST(OsVersion, ListsByAnyAndAll) {
  const auto any = make("os-version", {{"versions", List{"Debian 12", "Ubuntu 24.04"}}});
  expect(*any, debian("12"), kMatch, "os_version_matches");
  expect(*any, os_facts("ubuntu", "Ubuntu", "24.04"), kMatch, "os_version_matches");
  expect(*any, debian("11"), kNoMatch, "os_version_differs");
  const auto all =
      make("os-version", {{"versions", List{"Debian", "Debian 12"}}, {"match", "all"}});
  expect(*all, debian("12"), kMatch, "os_version_matches");
  expect(*all, debian("11"), kNoMatch, "os_version_differs");
}

TEST(OsVersion, UnknownOnlyWhereItDecides) {
  const auto rule = make("os-version", {{"versions", List{"Debian 12"}}});
  expect_unknowns(*rule, debian("12"), keys::kOsVersionId, known(std::int64_t{12}));
  expect(*rule, debian("sid"), kUnknown, "version_not_comparable");
  FactMap facts = debian("12");
  facts.erase(std::string(keys::kOsName));
  expect(*rule, facts, kMatch, "os_version_matches");  // the ID says it
  facts[std::string(keys::kOsId)] = unknown(UnknownReason::kDenied);
  expect(*rule, facts, kUnknown, "denied");
  // Another version than the one named decides, whatever the system is; another system, whatever
  // its version.
  facts[std::string(keys::kOsVersionId)] = text("11");
  facts[std::string(keys::kOsName)] = text("Debian GNU/Linux");
  expect(*rule, facts, kNoMatch, "os_version_differs");
  FactMap ubuntu = os_facts("ubuntu", "Ubuntu", "12");
  ubuntu.erase(std::string(keys::kOsVersionId));
  expect(*rule, ubuntu, kNoMatch, "os_version_differs");
}

TEST(OsVersion, ComparesAtThePrecisionWritten) {
  struct Row {
    const char* op;
    const char* wanted;
    const char* actual;
    Verdict verdict;
  };
  const Row rows[] = {
      {"=", "12", "12", kMatch},
      {"=", "12", "12.4", kMatch},
      {"=", "12.4", "12", kNoMatch},
      {"=", "12.0", "12", kMatch},
      {"!=", "12", "11", kMatch},
      {"!=", "12", "12.1", kNoMatch},
      {"<", "12", "11.9", kMatch},
      {"<", "12", "12", kNoMatch},
      {"<", "12.5", "12.4", kMatch},
      {"<=", "12", "12.9", kMatch},
      {"<=", "12", "13", kNoMatch},
      {">", "12", "12.9", kNoMatch},
      {">", "12", "13", kMatch},
      {">", "12.4", "12.10", kMatch},
      {">=", "22.04", "22.04", kMatch},
      {">=", "22.04", "21.10", kNoMatch},
      {">=", "9", "10", kMatch},
      {">=", "3.21", "3.21.0_alpha2", kMatch},
      {">=", "3.21.0", "3.21.0_alpha2", kUnknown},
      {">=", "3.21.0", "3.20.0_alpha2", kNoMatch},
      {"=", "12", "", kUnknown},
      {"=", "12", "rolling", kUnknown},
      {"=", "12", "12.", kMatch},
      {"=", "12.0", "12.", kUnknown},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(std::string(row.actual) + " " + row.op + " " + row.wanted);
    const auto rule =
        make("os-version", {{"family", "debian"}, {"op", row.op}, {"version", row.wanted}});
    const char* reason = row.verdict == kMatch     ? "os_version_matches"
                         : row.verdict == kNoMatch ? "os_version_differs"
                                                   : "version_not_comparable";
    expect(*rule, debian(row.actual), row.verdict, reason);
    expect(*rule, os_facts("fedora", "Fedora Linux", row.actual), kNoMatch, "os_version_differs");
  }
  EXPECT_EQ(make("os-version", {{"family", "debian"}, {"op", ">="}, {"version", "12"}})->describe(),
            "the operating system is debian with a version >= 12");
}

FactMap with_interfaces(std::vector<Interface> list) {
  return {{std::string(keys::kInterfaces), known(std::move(list))}};
}

TEST(IpRange, BordersOfEachForm) {
  const auto rule =
      make("ip-range",
           {{"ranges", List{"10.0.1.0/24", "10.0.2.1-10.0.2.9", "10.9.9.9", "2001:db8::/64"}}});
  const std::pair<const char*, bool> rows[] = {
      {"10.0.0.255", false},
      {"10.0.1.0", true},
      {"10.0.1.255", true},
      {"10.0.2.0", false},
      {"10.0.2.1", true},
      {"10.0.2.9", true},
      {"10.0.2.10", false},
      {"10.9.9.9", true},
      {"10.9.9.10", false},
      {"2001:db8::1", true},
      {"2001:db8:0:0:ffff:ffff:ffff:ffff", true},
      {"2001:db8:0:1::", false},
      {"2001:db7:ffff:ffff:ffff:ffff:ffff:ffff", false},
  };
  for (const auto& [address, inside] : rows) {
    SCOPED_TRACE(address);
    expect(*rule, with_interfaces({interface("eth0", {address})}), inside ? kMatch : kNoMatch,
           inside ? "address_in_range" : "address_not_in_range");
  }
  EXPECT_EQ(
      rule->describe(),
      "an address of its own is in 10.0.1.0/24, 10.0.2.1-10.0.2.9, 10.9.9.9 or 2001:db8::/64");
}

TEST(IpRange, OnlyInterfacesThatAreUpAndNotLoopbackNorPublic) {
  const auto rule =
      make("ip-range", {{"ranges", List{"10.0.1.0/24", "127.0.0.0/8", "203.0.113.0/24"}}});
  expect(*rule, with_interfaces({}), kNoMatch, "address_not_in_range");
  expect(*rule, with_interfaces({interface("eth0", {"10.0.1.2"}, false)}), kNoMatch,
         "address_not_in_range");
  expect(*rule, with_interfaces({interface("lo", {"127.0.0.1"})}), kNoMatch,
         "address_not_in_range");
  expect(*rule,
         with_interfaces(
             {interface("eth0", {"192.0.2.1"}), interface("eth1", {"192.0.2.2", "10.0.1.2"})}),
         kMatch, "address_in_range");
  FactMap facts = with_interfaces({interface("eth0", {"192.0.2.1"})});
  facts[std::string(keys::kEmsPublicIp)] = text("203.0.113.7");
  expect(*rule, facts, kNoMatch, "address_not_in_range");
  expect_unknowns(*rule, {}, keys::kInterfaces, text("10.0.1.2"));
}

TEST(IpRange, AllDemandsAnAddressInEachRange) {
  const auto rule =
      make("ip-range", {{"ranges", List{"10.0.1.0/24", "10.0.2.0/24"}}, {"match", "all"}});
  expect(*rule, with_interfaces({interface("a", {"10.0.1.2"})}), kNoMatch, "address_not_in_range");
  expect(*rule, with_interfaces({interface("a", {"10.0.1.2"}), interface("b", {"10.0.2.2"})}),
         kMatch, "address_in_range");
}

/// running-process and file share their shape: booleans by name.
struct BooleanRule {
  const char* type;
  const char* parameter;
  const char* first;
  const char* second;
  std::string (*key)(std::string_view);
  const char* yes;
  const char* no;
};
const BooleanRule kBooleanRules[] = {
    {"running-process", "processes", "sshd", "clamd", keys::process_running, "process_running",
     "process_not_running"},
    {"file", "paths", "/etc/a", "/etc/b", keys::file_exists, "file_exists", "file_missing"}};

TEST(BooleanRules, AllAndAnyInEveryCombination) {
  const Fact values[] = {known(false), unknown(UnknownReason::kDenied), known(true)};
  const Verdict verdicts[] = {kNoMatch, kUnknown, kMatch};
  for (const BooleanRule& r : kBooleanRules) {
    SCOPED_TRACE(r.type);
    const List both{r.first, r.second};
    const auto otherwise = make(r.type, {{r.parameter, both}});
    const auto all = make(r.type, {{r.parameter, both}, {"match", "all"}});
    const auto any = make(r.type, {{r.parameter, both}, {"match", "any"}});
    for (int a = 0; a < 3; ++a) {
      for (int b = 0; b < 3; ++b) {
        const FactMap facts{{r.key(r.first), values[a]}, {r.key(r.second), values[b]}};
        const auto reason = [&](Verdict v) {
          return v == kMatch ? r.yes : v == kNoMatch ? r.no : "denied";
        };
        const Verdict and_ = verdict_and(verdicts[a], verdicts[b]);
        const Verdict or_ = verdict_or(verdicts[a], verdicts[b]);
        expect(*otherwise, facts, and_, reason(and_));
        expect(*all, facts, and_, reason(and_));
        expect(*any, facts, or_, reason(or_));
      }
    }
    // Of several unknowns the first in the list says why.
    const FactMap two{{r.key(r.first), unknown(UnknownReason::kStale)},
                      {r.key(r.second), unknown(UnknownReason::kFailed)}};
    expect(*all, two, kUnknown, "stale");
    expect(*any, two, kUnknown, "stale");
    const FactMap yes{{r.key(r.first), known(true)}, {r.key(r.second), known(true)}};
    expect_unknowns(*all, yes, r.key(r.second), text("true"));
    EXPECT_EQ(all->keys(), (List{r.key(r.first), r.key(r.second)}));
    ASSERT_NE(all->parts(), nullptr);
    EXPECT_EQ(all->parts()->conditions.size(), 2u);
  }
}

TEST(Rules, NotTurnsMatchAroundAndLeavesUnknown) {
  CompiledRule rule;
  rule.negate = true;
  rule.condition = make("running-process", {{"processes", List{"x"}}});
  const auto verdict = [&](Fact fact) {
    const FactMap facts{{keys::process_running("x"), std::move(fact)}};
    return rule.judge(FactView(facts, kNow)).verdict;
  };
  EXPECT_EQ(verdict(known(true)), kNoMatch);
  EXPECT_EQ(verdict(known(false)), kMatch);
  EXPECT_EQ(verdict(unknown(UnknownReason::kStale)), kUnknown);
}

TEST(Rules, EveryTypeIsDescribedForPeople) {
  for (const RuleType* type : rule_types()) {
    EXPECT_EQ(find_rule_type(type->name), type);
    EXPECT_FALSE(type->title.empty());
    EXPECT_FALSE(type->help.empty());
    EXPECT_FALSE(type->systems.empty());
    for (const ParameterSpec& parameter : type->parameters)
      EXPECT_FALSE(parameter.help.empty()) << parameter.name;
  }
  EXPECT_EQ(find_rule_type("ip-ranges"), nullptr);
}

TEST(Rules, EveryTypeHasASeedForItsFuzzing) {
  std::set<std::string> types;
  for (const auto& seed : std::filesystem::directory_iterator(POSTERN_SOURCE_DIR "/fuzz/corpus/posture_rule")) {
    std::ifstream file(seed.path());
    std::string name;
    std::getline(file, name);
    types.insert(name);
  }
  for (const RuleType* type : rule_types())
    EXPECT_TRUE(types.contains(std::string(type->name))) << type->name << ": fuzz/corpus/posture_rule has none";
}

}  // namespace
}  // namespace postern::posture
