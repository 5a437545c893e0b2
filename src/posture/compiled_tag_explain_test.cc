#include <gtest/gtest.h>

#include "posture/engine.h"
#include "posture/fact_keys.h"
#include "posture/tag_json.h"
#include "posture/test_facts.h"

namespace postern::posture {
namespace {

using namespace testing;

/// What a rule of this type and these parameters says of an endpoint with these facts, for a person.
std::string said(const char* rule, const FactMap& more) {
  FactMap facts = linux_facts();
  for (const auto& [key, fact] : more) facts[key] = fact;
  const auto tag = parse_tag_json(std::string(R"({"name":"T","rules":[{"id":1,"os":"linux",)") + rule + "}]}");
  TagEngine engine;
  EXPECT_TRUE(tag && engine.set(2, *tag)) << rule;
  return engine.explain(2, {facts, kNow})->rules.at(0).text;
}

TEST(ExplainedRule, TellsWhateverWasAskedWhereAllOfItLedThere) {
  const auto facts = [](bool on, bool denies) {
    return FactMap{{std::string(keys::kFeatureFirewall), known(on)}, {std::string(keys::kFirewallDefaultDeny), known(denies)}};
  };
  const char* both = R"("type":"firewall","default_deny":true)";
  EXPECT_EQ(said(both, facts(true, true)), "a firewall is active; what nothing allows in is dropped");
  EXPECT_EQ(said(both, facts(true, false)), "what nothing forbids is let in");
  EXPECT_EQ(said(both, facts(false, false)), "no firewall is active");
  EXPECT_EQ(said(R"("type":"firewall")", facts(true, true)), "a firewall is active");
}

TEST(ExplainedRule, SaysEachThingOnce) {
  const FactMap facts{{std::string(keys::kEdrInstalled), known(std::vector<std::string>{"a", "b"})}};
  EXPECT_EQ(said(R"("type":"edr","products":["a","b"],"state":"installed","match":"all")", facts), "an EDR product is installed");
}

}  // namespace
}  // namespace postern::posture
