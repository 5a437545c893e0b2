#include <gmock/gmock.h>

#include "posture/engine.h"
#include "posture/fact_keys.h"
#include "posture/tag_json.h"
#include "posture/test_facts.h"
#include "posture/test_tags.h"

namespace postern::posture {
namespace {

using namespace testing;
using ::testing::HasSubstr;

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

TEST(TagEngine, ExplainsEachRuleWithTheFactsItRead) {
  TagEngine engine;
  ASSERT_TRUE(engine.set(2, tag(R"({"name":"T","rules":[
      {"id":1,"os":"linux","type":"vulnerable-devices","severity":"high"},
      {"id":4,"os":"linux","type":"running-process","processes":["sshd"],"negate":true},
      {"id":9,"os":"windows","type":"ems-management"}],"logic":{"linux":"1 or 4"}})")));
  FactMap facts = linux_facts();
  facts[std::string(keys::kEmsVulnerabilities)] =
      known(VulnerabilityCounts{.critical = 2, .high = 63});
  const auto why = engine.explain(2, {facts, kNow});
  ASSERT_TRUE(why.has_value());
  EXPECT_EQ(why->id, 2u);
  EXPECT_EQ(why->name, TagName("T"));
  EXPECT_EQ(why->state, TagState::kHas);
  EXPECT_EQ(why->reason, "logic");
  EXPECT_EQ(why->os, OsFamily::kLinux);
  EXPECT_EQ(why->os_fact.text, "linux");
  EXPECT_EQ(why->logic, "1 or 4");
  ASSERT_EQ(why->rules.size(), 2u);

  const RuleExplanation& first = why->rules[0];
  EXPECT_EQ(first.id, 1u);
  EXPECT_EQ(first.type, "vulnerable-devices");
  EXPECT_EQ(first.verdict, Verdict::kMatch);
  EXPECT_EQ(first.condition, "a known vulnerability is high or higher");
  EXPECT_EQ(first.reason, "vulnerability_found");
  ASSERT_EQ(first.facts.size(), 1u);
  EXPECT_EQ(first.facts[0].key, keys::kEmsVulnerabilities);
  EXPECT_EQ(first.facts[0].fact->source, "test");
  EXPECT_EQ(first.facts[0].age, Seconds(90));
  EXPECT_THAT(first.facts[0].text, HasSubstr("critical=2, high=63, medium=0"));

  const RuleExplanation& second = why->rules[1];
  EXPECT_EQ(second.verdict, Verdict::kUnknown);
  EXPECT_TRUE(second.negate);
  EXPECT_EQ(second.condition, "not: sshd is running");
  EXPECT_EQ(second.reason, "not_reported");
  ASSERT_EQ(second.facts.size(), 1u);
  EXPECT_FALSE(second.facts[0].fact.has_value());
  EXPECT_FALSE(second.facts[0].age.has_value());
  EXPECT_EQ(second.facts[0].text, "never reported");
}

TEST(TagEngine, ExplainsWhyNoRuleWasAsked) {
  TagEngine engine;
  const auto reason = [&](const FactMap& facts) { return engine.explain(2, {facts, kNow})->reason; };
  EXPECT_EQ(engine.explain(2, {FactMap(), kNow}).error().code, ErrorCode::kNotFound);
  TagDefinition t = process_tag("T", "a");
  ASSERT_TRUE(engine.set(2, t));
  EXPECT_EQ(reason(linux_facts()), "logic");
  EXPECT_EQ(engine.explain(2, {linux_facts(), kNow})->logic, "1");
  EXPECT_EQ(reason({}), "os_unknown");
  EXPECT_EQ(reason({{std::string(keys::kOsFamily), text("windows")}}), "no_rules_for_os");
  EXPECT_EQ(reason({{std::string(keys::kOsFamily), text("plan9")}}), "os_unsupported");
  EXPECT_EQ(engine.explain(2, {{{std::string(keys::kOsFamily), text("plan9")}}, kNow})->text,
            "the endpoint reports the operating system \"plan9\", for which no rules can be written");
  t.enabled = false;
  ASSERT_TRUE(engine.set(2, t));
  EXPECT_EQ(reason(linux_facts()), "disabled");
  ASSERT_TRUE(engine.set(2, tag(R"({"name":"T"})")));
  EXPECT_EQ(reason(linux_facts()), "no_rules");

  const auto built_in = engine.explain(kAllRegisteredClientsId, {FactMap(), kNow});
  EXPECT_EQ(built_in->reason, "built_in");
  EXPECT_EQ(built_in->state, TagState::kUnknown);
  ASSERT_EQ(built_in->rules.size(), 1u);
  EXPECT_EQ(built_in->rules[0].reason, "not_reported");
}

TEST(Explain, WhoWasSilentForTooLongIsUnknownForNoRulesReason) {
  TagEngine engine;
  TagDefinition t = process_tag("T", "a");
  ASSERT_TRUE(engine.set(2, t));
  const FactMap facts = linux_facts();
  const auto silent = FactView(facts, kNow).with_report_limit(Millis(-1));
  const auto why = engine.explain(2, silent);
  EXPECT_EQ(why->state, TagState::kUnknown);
  EXPECT_EQ(why->reason, "silent");
  t.rules.front().os = OsFamily::kWindows;
  ASSERT_TRUE(engine.set(2, t));
  EXPECT_EQ(engine.explain(2, silent)->reason, "silent");
  EXPECT_EQ(engine.explain(2, {facts, kNow})->reason, "no_rules_for_os");
}

// ---- until when it is so

/// What an endpoint reports that is offline, so that its facts grow old: two processes and their time.
FactMap two_processes(bool a, bool b) {
  FactMap facts = linux_facts();
  facts[keys::process_running("a")] = known(a);
  facts[keys::process_running("b")] = known(b);
  return facts;
}

TEST(TagEngine, SaysWhenTimeAloneChangesARuleAndWhenTheTag) {
  TagEngine engine;
  ASSERT_TRUE(engine.set(2, tag(R"({"name":"T","rules":[
      {"id":1,"os":"linux","type":"running-process","processes":["a"]},
      {"id":2,"os":"linux","type":"running-process","processes":["b"],"max_age":600},
      {"id":3,"os":"linux","type":"running-process","processes":["b"],"max_age":300}],"logic":{"linux":"1 or 2"}})")));
  const WallTime stale2 = kThen + Seconds(600) + Millis(1), stale3 = kThen + Seconds(300) + Millis(1);
  const auto why = [&](bool a, bool b) { return *engine.explain(2, {two_processes(a, b), kNow}); };
  // Rule 1 reads what doesn't grow old: neither of the others says when it changes.
  EXPECT_EQ(why(true, true).rules[0].until, std::nullopt);
  EXPECT_EQ(why(true, true).rules[1].until, stale2);
  EXPECT_EQ(why(true, true).rules[2].until, stale3);
  EXPECT_EQ(why(true, true).until, std::nullopt);
  EXPECT_EQ(why(false, true).until, stale2);  // rule 3 is in no expression
  EXPECT_EQ(why(false, false).until, stale2);
  EXPECT_EQ(why(true, false).until, std::nullopt);
}

TEST(TagEngine, SaysWhenOfWhatDecidesWithinARuleToo) {
  TagEngine engine;
  ASSERT_TRUE(engine.set(2, tag(R"({"name":"T","rules":[
      {"id":1,"os":"linux","type":"running-process","processes":["a","b"],"match":"any","max_age":600}]})")));
  FactMap facts = two_processes(true, true);
  facts[keys::process_running("b")].collected_at = kThen - Seconds(500);
  const auto why = engine.explain(2, {facts, kNow});
  EXPECT_EQ(why->rules[0].until, kThen + Seconds(600) + Millis(1));  // b grows old before, and a goes on deciding
  EXPECT_EQ(why->until, why->rules[0].until);
}

TEST(TagEngine, SaysWhenOfTheTagsThatATagRefersTo) {
  TagEngine engine;
  ASSERT_TRUE(engine.set(2, tag(R"({"name":"Inner","rules":[
      {"id":1,"os":"linux","type":"running-process","processes":["b"],"max_age":600}]})")));
  ASSERT_TRUE(engine.set(3, tag(R"({"name":"Outer","rules":[
      {"id":1,"os":"linux","type":"tag","tags":["Inner"]},
      {"id":2,"os":"linux","type":"running-process","processes":["a"]}],"logic":{"linux":"1 or 2"}})")));
  const WallTime stale = kThen + Seconds(600) + Millis(1);
  const auto needed = engine.explain(3, {two_processes(false, true), kNow});
  EXPECT_EQ(needed->until, stale);
  EXPECT_EQ(needed->rules[0].until, stale);
  EXPECT_EQ(needed->rules[1].until, std::nullopt);
  const auto spare = engine.explain(3, {two_processes(true, true), kNow});
  EXPECT_EQ(spare->until, std::nullopt);
  EXPECT_EQ(spare->rules[0].until, stale);
}

TEST(TagEngine, WhatIsJudgedAgainAndAgainEndsSomewhere) {
  TagEngine engine;
  // Each night another window, each with the same answer.
  ASSERT_TRUE(engine.set(2, tag(R"({"name":"T","rules":[
      {"id":1,"os":"linux","type":"time","from":"09:00","to":"17:00"},
      {"id":2,"os":"linux","type":"time","from":"09:00","to":"17:00","negate":true}],"logic":{"linux":"1 or 2"}})")));
  const auto why = engine.explain(2, {linux_facts(), kNow});
  EXPECT_EQ(why->state, TagState::kHas);
  ASSERT_TRUE(why->until);
  EXPECT_GT(*why->until, kNow.wall + Seconds(20 * 24 * 3600));
}

}  // namespace
}  // namespace postern::posture
