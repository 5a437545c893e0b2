#include <gmock/gmock.h>

#include "posture/rules/rule_lab.h"

namespace postern::posture {
namespace forwarding_rule {
namespace {

using namespace testing;
using ::testing::HasSubstr;
using enum Verdict;
using List = std::vector<std::string>;

TEST(Forwarding, EachFamilyInEachState) {
  struct Row {
    List families;  ///< Empty: not given.
    List on;
    bool any;
  };
  const Row rows[] = {{{}, {}, false},           {{}, {"ipv4"}, true},           {{}, {"ipv6"}, true},
                      {{"ipv4"}, {"ipv4"}, true}, {{"ipv4"}, {"ipv6"}, false},    {{"ipv6"}, {"ipv4", "ipv6"}, true},
                      {{"ipv4", "ipv6"}, {}, false}, {{"ipv4", "ipv6"}, {"ipv6"}, true}};
  for (const Row& row : rows) {
    const FactMap facts{{std::string(keys::kForwarding), known(row.on)}};
    for (const char* state : {"", "on", "off"}) {
      Parameters parameters;
      if (!row.families.empty()) parameters["families"] = row.families;
      if (*state != '\0') parameters["state"] = state;
      const auto rule = make("forwarding", parameters);
      const bool off = std::string_view(state) == "off";
      expect(*rule, facts, row.any != off ? kMatch : kNoMatch, row.any ? "forwarding_on" : "forwarding_off");
      expect_unknowns(*rule, {}, keys::kForwarding, known(true));
    }
  }
  EXPECT_EQ(make("forwarding", {})->describe(), "forwarding of ipv4 or ipv6 is on");
  EXPECT_EQ(make("forwarding", {{"state", "off"}})->describe(), "forwarding of ipv4 and ipv6 is off");
}

TEST(Forwarding, Refusals) {
  EXPECT_THAT(refusal("forwarding", {{"families", List{"ipx"}}}), HasSubstr("must be one of ipv4, ipv6"));
  EXPECT_THAT(refusal("forwarding", {{"state", "maybe"}}), HasSubstr("must be one of on, off"));
}

}  // namespace
}  // namespace forwarding_rule
}  // namespace postern::posture
