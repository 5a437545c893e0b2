#include "posture/rules/seen_lab.h"

#include <gmock/gmock.h>

#include "posture/rules/registry.h"

namespace postern::posture::testing {
namespace {

using ::testing::ElementsAre;
using List = std::vector<std::string>;

std::vector<std::string> counted_of(std::string_view type, const Parameters& parameters) {
  std::vector<std::string> out;
  for (const Use& use : uses(*find_rule_type(type), parameters))
    out.push_back(std::string(use.parameter).append("=").append(use.choice));
  return out;
}

TEST(SeenUses, AChoiceCountsWhereItAloneDecides) {
  EXPECT_THAT(counted_of("macos-security", {{"checks", List{"sip"}}}), ElementsAre("=", "checks=sip"));
  EXPECT_THAT(counted_of("macos-security", {{"checks", List{"sip", "filevault"}}}), ElementsAre("="));
  EXPECT_THAT(counted_of("firewall", {{"default_deny", false}}), ElementsAre("=", "default_deny=false"));
  EXPECT_THAT(counted_of("ip-range", {{"ranges", List{"10.0.0.0/8"}}, {"match", "all"}}), ElementsAre("=", "ranges="));
  EXPECT_THAT(counted_of("ip-range", {{"ranges", List{"10.0.0.0/8", "::1"}}, {"match", "all"}}),
              ElementsAre("=", "ranges=", "match=all"));
}

}  // namespace
}  // namespace postern::posture::testing
