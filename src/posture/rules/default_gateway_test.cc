#include <gmock/gmock.h>

#include "posture/rules/rule_lab.h"

namespace postern::posture {
namespace default_gateway_rule {
namespace {

using namespace testing;
using ::testing::HasSubstr;
using enum Verdict;
using List = std::vector<std::string>;

Route via(const char* ip, const char* mac) {
  Route out;
  out.interface = "eth0";
  if (*ip != '\0') out.gateway_ip = *IpAddress::parse(ip);
  if (*mac != '\0') out.gateway_mac = *MacAddress::parse(mac);
  return out;
}
FactMap routes(std::vector<Route> list) { return {{std::string(keys::kRoutes), known(std::move(list))}}; }

constexpr const char* kMac = "02:09:0f:00:01:02";
constexpr const char* kOther = "02:09:0f:00:01:03";

TEST(DefaultGateway, AddressMacOrBothOfOneRoute) {
  const auto ip = make("default-gateway", {{"addresses", List{"10.0.1.1", "10.0.2.0/24"}}});
  const auto mac = make("default-gateway", {{"macs", List{"02-09-0F-00-01-02"}}});
  const auto both = make("default-gateway", {{"addresses", List{"10.0.1.1"}}, {"macs", List{kMac}}});
  expect(*ip, routes({via("10.0.1.1", "")}), kMatch, "gateway_matches");
  expect(*ip, routes({via("10.0.1.2", ""), via("10.0.2.9", "")}), kMatch, "gateway_matches");
  expect(*ip, routes({via("10.0.1.2", kMac)}), kNoMatch, "gateway_differs");
  expect(*ip, routes({via("", "")}), kNoMatch, "gateway_differs");
  expect(*ip, routes({}), kNoMatch, "gateway_differs");
  expect(*mac, routes({via("10.9.9.9", kMac)}), kMatch, "gateway_matches");
  expect(*mac, routes({via("10.9.9.9", kOther)}), kNoMatch, "gateway_differs");
  expect(*mac, routes({via("10.9.9.9", "")}), kUnknown, "gateway_mac_unknown");
  expect(*mac, routes({via("", "")}), kNoMatch, "gateway_differs");  // a tunnel
  expect(*mac, routes({via("10.9.9.9", ""), via("10.0.1.1", kMac)}), kMatch, "gateway_matches");
  expect(*both, routes({via("10.0.1.1", kMac)}), kMatch, "gateway_matches");
  expect(*both, routes({via("10.0.1.1", kOther)}), kNoMatch, "gateway_differs");
  expect(*both, routes({via("10.0.1.1", kOther), via("10.0.1.2", kMac)}), kNoMatch, "gateway_differs");
  expect(*both, routes({via("10.0.1.1", "")}), kUnknown, "gateway_mac_unknown");
  expect(*both, routes({via("10.0.1.2", "")}), kNoMatch, "gateway_differs");
  for (const auto* rule : {ip.get(), mac.get(), both.get()}) expect_unknowns(*rule, {}, keys::kRoutes, text("10.0.1.1"));
  EXPECT_EQ(ip->describe(), "a default gateway is 10.0.1.1 or 10.0.2.0/24");
  EXPECT_EQ(both->describe(), "a default gateway is 10.0.1.1 and has the hardware address 02:09:0f:00:01:02");
}

TEST(DefaultGateway, Refusals) {
  EXPECT_THAT(refusal("default-gateway", {}), HasSubstr("give addresses, macs or both"));
  EXPECT_THAT(refusal("default-gateway", {{"addresses", List{"x"}}}), HasSubstr("addresses[0]: \"x\" is not a range"));
  EXPECT_THAT(refusal("default-gateway", {{"macs", List{kMac, "00:00:00:00:00:00"}}}),
              HasSubstr("macs[1]: \"00:00:00:00:00:00\" is no hardware address; write it as"));
}

}  // namespace
}  // namespace default_gateway_rule
}  // namespace postern::posture
