#include <gmock/gmock.h>

#include "posture/rules/rule_lab.h"

namespace postern::posture {
namespace firewall_threat_rule {
namespace {

using namespace testing;
using ::testing::HasSubstr;
using enum Verdict;
using List = std::vector<std::string>;

TEST(FirewallThreat, AnyAndAll) {
  const auto any = make("firewall-threat", {{"ids", List{"17", "54321"}}}, OsFamily::kWindows);
  const auto all = make("firewall-threat", {{"ids", List{"17", "54321"}}, {"match", "all"}}, OsFamily::kMacos);
  const auto facts = [](List ids) { return FactMap{{std::string(keys::kFirewallThreats), known(std::move(ids))}}; };
  expect(*any, facts({"1", "17"}), kMatch, "threat_seen");
  expect(*any, facts({"1", "7", "171"}), kNoMatch, "threat_not_seen");
  expect(*any, facts({}), kNoMatch, "threat_not_seen");
  expect(*all, facts({"17"}), kNoMatch, "threat_not_seen");
  expect(*all, facts({"54321", "17"}), kMatch, "threat_seen");
  expect_unknowns(*any, {}, keys::kFirewallThreats, known(std::int64_t{17}));
  EXPECT_EQ(any->describe(), "its firewall saw threat 17 or 54321");
  EXPECT_EQ(all->describe(), "its firewall saw threat 17 and 54321");
}

TEST(FirewallThreat, Refusals) {
  EXPECT_THAT(refusal("firewall-threat", {}), HasSubstr("ids: is missing"));
  EXPECT_THAT(refusal("firewall-threat", {{"ids", List{"T17"}}}), HasSubstr("ids[0]: \"T17\" is no threat's id; it is a number"));
}

}  // namespace
}  // namespace firewall_threat_rule
}  // namespace postern::posture
