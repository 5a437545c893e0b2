// ip-range with `address`; without it: rules_test.cc.
#include <gmock/gmock.h>

#include "posture/rules/rule_lab.h"

namespace postern::posture {
namespace observed_address_rule {
namespace {

using namespace testing;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using enum Verdict;
using List = std::vector<std::string>;

TEST(IpRangeObserved, TheAddressThatTheEmsSees) {
  const List ranges{"203.0.113.0/28", "2001:db8::/64"};
  const auto rule = make("ip-range", {{"ranges", ranges}, {"address", "observed"}});
  EXPECT_THAT(rule->keys(), ElementsAre(std::string(keys::kEmsPublicIp)));
  const auto facts = [](const char* address) { return FactMap{{std::string(keys::kEmsPublicIp), text(address)}}; };
  expect(*rule, facts("203.0.113.15"), kMatch, "observed_in_range");
  expect(*rule, facts("203.0.113.16"), kNoMatch, "observed_not_in_range");
  expect(*rule, facts("2001:db8::ffff:1"), kMatch, "observed_in_range");
  expect(*rule, facts("2001:db8:0:1::"), kNoMatch, "observed_not_in_range");
  expect(*rule, facts("x"), kUnknown, "address_malformed");
  expect_unknowns(*rule, {}, keys::kEmsPublicIp, known(true));
  EXPECT_EQ(rule->describe(), "the address that the EMS sees is in 203.0.113.0/28 or 2001:db8::/64");
  const auto all = make("ip-range", {{"ranges", List{"203.0.113.0/24", "203.0.113.0/28"}}, {"address", "observed"}, {"match", "all"}});
  expect(*all, facts("203.0.113.15"), kMatch, "observed_in_range");
  expect(*all, facts("203.0.113.16"), kNoMatch, "observed_not_in_range");
}

TEST(IpRangeObserved, LocalIfSaidOrNotSaid) {
  EXPECT_THAT(make("ip-range", {{"ranges", List{"10.0.0.0/8"}}, {"address", "local"}})->keys(),
              ElementsAre(std::string(keys::kInterfaces)));
  EXPECT_THAT(refusal("ip-range", {{"ranges", List{"10.0.0.0/8"}}, {"address", "public"}}), HasSubstr("local, observed"));
}

}  // namespace
}  // namespace observed_address_rule
}  // namespace postern::posture
