#include <gmock/gmock.h>

#include "posture/rules/rule_lab.h"

namespace postern::posture {
namespace link_type_rule {
namespace {

using namespace testing;
using ::testing::HasSubstr;
using enum Verdict;
using List = std::vector<std::string>;

FactMap links(List list) { return {{std::string(keys::kLinkTypes), known(std::move(list))}}; }

TEST(LinkType, TypesAndNames) {
  const auto wifi = make("link-type", {{"types", List{"wifi"}}});
  const auto wired = make("link-type", {{"types", List{"ethernet", "vpn"}}});
  const auto office = make("link-type", {{"ssids", List{"Office", "Office 5G"}}});
  for (const char* link : {"wifi", "wifi:Office"}) expect(*wifi, links({link}), kMatch, "link_present");
  expect(*wifi, links({"ethernet", "vpn"}), kNoMatch, "link_absent");
  expect(*wired, links({"vpn"}), kMatch, "link_present");
  expect(*wired, links({"wifi:vpn"}), kNoMatch, "link_absent");
  expect(*office, links({"ethernet", "wifi", "wifi:Office 5G"}), kMatch, "link_present");
  expect(*office, links({"wifi:office"}), kNoMatch, "link_absent");
  expect(*office, links({"wifi", "wifi:Cafe"}), kNoMatch, "link_absent");
  expect(*office, links({"ethernet"}), kNoMatch, "link_absent");
  expect(*office, links({"wifi"}), kUnknown, "ssid_unknown");
  expect(*office, links({}), kNoMatch, "link_absent");
  for (const auto* rule : {wifi.get(), office.get()}) expect_unknowns(*rule, {}, keys::kLinkTypes, text("wifi"));
}

TEST(LinkType, EachTypeAlone) {
  for (const char* type : {"ethernet", "wifi", "vpn"}) {
    SCOPED_TRACE(type);
    const auto rule = make("link-type", {{"types", List{type}}});
    expect(*rule, links({"other", type}), kMatch, "link_present");
    expect(*rule, links({"other"}), kNoMatch, "link_absent");
    expect_unknowns(*rule, {}, keys::kLinkTypes, text(type));
  }
}

TEST(LinkType, AllOfThem) {
  const auto rule = make("link-type", {{"types", List{"vpn"}}, {"ssids", List{"Office"}}, {"match", "all"}});
  expect(*rule, links({"vpn", "wifi:Office"}), kMatch, "link_present");
  expect(*rule, links({"wifi:Office"}), kNoMatch, "link_absent");
  expect(*rule, links({"vpn", "wifi"}), kUnknown, "ssid_unknown");
  expect(*rule, links({"wifi"}), kNoMatch, "link_absent");
  EXPECT_EQ(rule->describe(), "the endpoint is connected by vpn and the wireless network Office");
}

TEST(LinkType, Refusals) {
  EXPECT_THAT(refusal("link-type", {}), HasSubstr("give types, ssids or both"));
  EXPECT_THAT(refusal("link-type", {{"types", List{"lte"}}}), HasSubstr("must be one of ethernet, wifi, vpn"));
  EXPECT_THAT(refusal("link-type", {{"ssids", List{std::string(33, 'x')}}}), HasSubstr("has 33 bytes, allowed are 32"));
}

}  // namespace
}  // namespace link_type_rule
}  // namespace postern::posture
