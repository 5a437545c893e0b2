// anti-virus, edr, firewall, linux-security.
#include <gtest/gtest.h>

#include "posture/rules/rule_lab.h"

namespace postern::posture {
namespace {

using namespace testing;
using enum Verdict;
using List = std::vector<std::string>;

TEST(AntiVirus, InstalledRunningAndUpToDate) {
  const auto rule =
      make("anti-virus", {{"checks", List{"installed", "running", "up-to-date"}}, {"within_days", std::int64_t{60}}});
  const auto facts = [](Fact installed, Fact running, Fact signatures) {
    return facts_of({{keys::kAvInstalled, std::move(installed)},
                     {keys::kAvRunning, std::move(running)},
                     {keys::kAvSignaturesAt, std::move(signatures)}});
  };
  const Fact clam = texts({"ClamAV"}), none = texts({}), fresh = ago(60 * kDay), old = ago(61 * kDay);
  const Fact denied = unknown(UnknownReason::kDenied);
  expect(*rule, facts(clam, clam, fresh), kMatch, "antivirus_installed");
  expect(*rule, facts(clam, clam, old), kNoMatch, "signatures_too_old");
  expect(*rule, facts(clam, none, fresh), kNoMatch, "antivirus_not_running");
  expect(*rule, facts(none, none, fresh), kNoMatch, "antivirus_not_installed");
  expect(*rule, facts(clam, clam, known(std::int64_t{0})), kNoMatch, "no_signatures");
  expect(*rule, facts(denied, clam, fresh), kUnknown, "denied");
  expect(*rule, facts(denied, none, fresh), kNoMatch, "antivirus_not_running");
  expect_unknowns(*rule, facts(clam, clam, fresh), keys::kAvInstalled, text("ClamAV"));
  expect_unknowns(*rule, facts(clam, clam, fresh), keys::kAvRunning, text("ClamAV"));
  expect_unknowns(*rule, facts(clam, clam, fresh), keys::kAvSignaturesAt, text("today"));
  expect_until(*rule, facts(clam, clam, fresh), kNow.wall + Millis(1));
  expect_parts_agree(*rule, facts(denied, none, fresh));
  EXPECT_EQ(rule->describe(),
            "an antivirus is installed, an antivirus runs and the antivirus signatures are at most 60 days old");
}

TEST(AntiVirus, OfAProductOrAnyCheck) {
  const auto rule = make("anti-virus", {{"checks", List{"running"}}, {"products", List{"ClamAV", "Defender"}}});
  expect(*rule, facts_of({{keys::kAvRunning, texts({"Other", "clamav"})}}), kMatch, "antivirus_running");
  expect(*rule, facts_of({{keys::kAvRunning, texts({"Other"})}}), kNoMatch, "antivirus_not_running");
  expect_unknowns(*rule, {}, keys::kAvRunning, text("ClamAV"));
  EXPECT_FALSE(rule->timed());
  EXPECT_EQ(rule->describe(), "ClamAV or Defender runs");
  const auto any = make("anti-virus", {{"checks", List{"running", "up-to-date"}}, {"match", "any"}});
  expect(*any, facts_of({{keys::kAvRunning, texts({})}, {keys::kAvSignaturesAt, ago(7 * kDay)}}), kMatch,
         "signatures_up_to_date");
  expect(*any, facts_of({{keys::kAvRunning, texts({})}, {keys::kAvSignaturesAt, ago(8 * kDay)}}), kNoMatch,
         "antivirus_not_running");
}

TEST(AntiVirus, EachCheckAlone) {
  struct Row {
    const char* check;
    std::string_view key;
    Fact yes, no;
  };
  const Row rows[] = {{"installed", keys::kAvInstalled, texts({"ClamAV"}), texts({})},
                      {"running", keys::kAvRunning, texts({"ClamAV"}), texts({})},
                      {"up-to-date", keys::kAvSignaturesAt, ago(7 * kDay), ago(7 * kDay + Millis(1))}};
  for (const Row& row : rows) {
    SCOPED_TRACE(row.check);
    const auto rule = make("anti-virus", {{"checks", List{row.check}}});
    EXPECT_EQ(rule->keys(), List{std::string(row.key)});
    expect_verdict(*rule, facts_of({{row.key, row.yes}}), kMatch);
    expect_verdict(*rule, facts_of({{row.key, row.no}}), kNoMatch);
    expect_unknowns(*rule, {}, row.key, known(true));
  }
}

TEST(AntiVirus, RefusesWhatAsksNothing) {
  EXPECT_EQ(refusal("anti-virus", {{"checks", List{"running"}}, {"within_days", std::int64_t{3}}}),
            "within_days: 3 belongs to the check up-to-date; add it to checks");
  EXPECT_EQ(refusal("anti-virus", {{"checks", List{"up-to-date"}}, {"products", List{"ClamAV"}}}),
            "products: \"ClamAV\" belongs to the checks installed and running; add one to checks");
  EXPECT_EQ(refusal("anti-virus", {{"checks", List{"on"}}}),
            "checks[0]: \"on\" is not allowed; it must be one of installed, running, up-to-date");
}

TEST(Edr, RunsOrIsInstalled) {
  const auto any_product = make("edr", {});
  expect(*any_product, facts_of({{keys::kEdrRunning, texts({"falcon"})}}), kMatch, "edr_running");
  expect(*any_product, facts_of({{keys::kEdrRunning, texts({})}}), kNoMatch, "edr_not_running");
  expect_unknowns(*any_product, {}, keys::kEdrRunning, text("falcon"));
  EXPECT_EQ(any_product->describe(), "an EDR product runs");
  const auto all = make("edr", {{"products", List{"a", "b"}}, {"state", "installed"}, {"match", "all"}});
  expect(*all, facts_of({{keys::kEdrInstalled, texts({"B", "a"})}}), kMatch, "edr_installed");
  expect(*all, facts_of({{keys::kEdrInstalled, texts({"a"})}}), kNoMatch, "edr_not_installed");
  expect(*make("edr", {{"products", List{"a", "b"}}}), facts_of({{keys::kEdrRunning, texts({"b"})}}), kMatch,
         "edr_running");
  EXPECT_EQ(all->describe(), "a is installed and b is installed");
  EXPECT_EQ(refusal("edr", {{"match", "all"}}), "match: belongs to products; without them any product counts");
}

TEST(Firewall, EachDemandDecides) {
  const auto rule = make("firewall", {{"products", List{"nftables", "ufw"}}, {"default_deny", true}});
  const auto facts = [](Fact on, Fact products, Fact denies) {
    return facts_of({{keys::kFeatureFirewall, std::move(on)},
                     {keys::kFirewallProducts, std::move(products)},
                     {keys::kFirewallDefaultDeny, std::move(denies)}});
  };
  const Fact yes = known(true), no = known(false), ufw = texts({"ufw"}), denied = unknown(UnknownReason::kDenied);
  expect(*rule, facts(yes, ufw, yes), kMatch, "firewall_on");
  expect(*rule, facts(no, ufw, yes), kNoMatch, "firewall_off");
  expect(*rule, facts(yes, texts({"firewalld"}), yes), kNoMatch, "firewall_product_missing");
  expect(*rule, facts(yes, ufw, no), kNoMatch, "firewall_allows_by_default");
  expect(*rule, facts(denied, ufw, no), kNoMatch, "firewall_allows_by_default");
  expect_unknowns(*rule, facts(yes, ufw, yes), keys::kFeatureFirewall, text("on"));
  expect_unknowns(*rule, facts(yes, ufw, yes), keys::kFirewallProducts, text("ufw"));
  expect_unknowns(*rule, facts(yes, ufw, yes), keys::kFirewallDefaultDeny, text("on"));
  expect_parts_agree(*rule, facts(denied, ufw, no));
  EXPECT_EQ(rule->describe(), "a firewall is active, nftables or ufw is active and what nothing allows in is dropped");
  const auto plain = make("firewall", {});
  expect(*plain, facts_of({{keys::kFeatureFirewall, yes}}), kMatch, "firewall_on");
  EXPECT_EQ(plain->describe(), "a firewall is active");
  expect(*plain, facts_of({{keys::kFeatureFirewall, no}}), kNoMatch, "firewall_off");
  expect_unknowns(*plain, {}, keys::kFeatureFirewall, text("on"));
  const auto denies = make("firewall", {{"enabled", false}, {"default_deny", true}});
  expect(*denies, facts_of({{keys::kFirewallDefaultDeny, yes}}), kMatch, "firewall_denies_by_default");
  expect(*denies, facts_of({{keys::kFirewallDefaultDeny, no}}), kNoMatch, "firewall_allows_by_default");
  expect_unknowns(*denies, facts_of({{keys::kFeatureFirewall, yes}}), keys::kFirewallDefaultDeny, text("on"));
  EXPECT_EQ(refusal("firewall", {{"enabled", false}}),
            "enabled: false leaves nothing to demand; give products or default_deny, or demand no firewall by negate");
}

TEST(LinuxSecurity, SecureBootAndModules) {
  const auto rule = make("linux-security", {{"secure_boot", true}, {"modules", List{"apparmor", "selinux"}}});
  const auto facts = [](Fact boot, Fact modules) {
    return facts_of({{keys::kSecureBoot, std::move(boot)}, {keys::kSecurityModules, std::move(modules)}});
  };
  const Fact yes = known(true), no = known(false);
  expect(*rule, facts(yes, texts({"apparmor"})), kMatch, "secure_boot_on");
  expect(*rule, facts(no, texts({"apparmor"})), kNoMatch, "secure_boot_off");
  expect(*rule, facts(yes, texts({})), kNoMatch, "security_module_missing");
  expect_unknowns(*rule, facts(yes, texts({"apparmor"})), keys::kSecureBoot, text("on"));
  expect_unknowns(*rule, facts(yes, texts({"apparmor"})), keys::kSecurityModules, text("apparmor"));
  EXPECT_EQ(rule->describe(), "the system was started by Secure Boot and apparmor or selinux enforces");
  const auto all = make("linux-security", {{"modules", List{"apparmor", "selinux"}}, {"match", "all"}});
  expect(*all, facts_of({{keys::kSecurityModules, texts({"apparmor"})}}), kNoMatch, "security_module_missing");
  expect(*all, facts_of({{keys::kSecurityModules, texts({"apparmor", "selinux"})}}), kMatch,
         "security_module_enforces");
  for (const char* module : {"apparmor", "selinux", "smack", "tomoyo"}) {
    SCOPED_TRACE(module);
    const auto one = make("linux-security", {{"modules", List{module}}});
    expect(*one, facts_of({{keys::kSecurityModules, texts({"landlock", module})}}), kMatch, "security_module_enforces");
    expect(*one, facts_of({{keys::kSecurityModules, texts({"landlock"})}}), kNoMatch, "security_module_missing");
    expect_unknowns(*one, {}, keys::kSecurityModules, text(module));
  }
  EXPECT_EQ(refusal("linux-security", {}),
            "secure_boot: nothing is demanded; give secure_boot as true, or modules, or both");
  EXPECT_EQ(refusal("linux-security", {{"secure_boot", true}, {"match", "all"}}),
            "match: belongs to modules; give such as [\"apparmor\", \"selinux\"]");
}

}  // namespace
}  // namespace postern::posture
