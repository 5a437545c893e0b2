#include "posture/engine.h"

#include <gmock/gmock.h>

#include <string>
#include <vector>

#include "posture/tag_json.h"
#include "posture/tag_reference.h"
#include "posture/test_facts.h"

namespace postern::posture {
namespace {

using namespace testing;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Keys = std::vector<std::string>;

TagDefinition tag(std::string_view json) {
  auto parsed = parse_tag_json(json);
  EXPECT_TRUE(parsed.has_value()) << (parsed ? "" : parsed.error().message);
  return *parsed;
}

/// A tag of one rule on Linux: this process runs.
TagDefinition process_tag(const std::string& name, const std::string& process,
                          bool negate = false) {
  TagDefinition t;
  t.name = TagName(name);
  t.rules = {{.id = 1,
              .os = OsFamily::kLinux,
              .type = "running-process",
              .negate = negate,
              .parameters = {{"processes", std::vector<std::string>{process}}}}};
  return t;
}

TagState state(const TagEngine& engine, TagId id, const FactMap& facts) {
  return engine.evaluate(id, {facts, kNow});
}

TEST(TagEngine, HoldsTheBuiltInTagOnEverySystemAndGuardsIt) {
  TagEngine engine;
  EXPECT_THAT(engine.tags(), ElementsAre(kAllRegisteredClientsId));
  EXPECT_EQ(engine.id_of("all_registered_clients"), kAllRegisteredClientsId);
  EXPECT_EQ(engine.find(kAllRegisteredClientsId)->definition(),
            all_registered_clients_definition());

  const std::string registered(keys::kEmsRegistered);
  EXPECT_EQ(state(engine, 1, {{registered, known(true)}}), TagState::kHas);
  EXPECT_EQ(state(engine, 1, {{registered, known(false)}}), TagState::kAbsent);
  EXPECT_EQ(state(engine, 1, {}), TagState::kUnknown);
  EXPECT_THAT(engine.affected_by(Keys{registered}), ElementsAre(1));

  EXPECT_EQ(engine.set(1, process_tag("X", "a")).error().code, ErrorCode::kPermissionDenied);
  EXPECT_EQ(engine.set(2, process_tag("all_registered_clients", "a")).error().code,
            ErrorCode::kPermissionDenied);
  EXPECT_EQ(engine.remove(1).error().code, ErrorCode::kPermissionDenied);
  EXPECT_EQ(state(engine, 1, {{registered, known(true)}}), TagState::kHas);
}

TEST(TagEngine, AStoredTagThatClosesACircleIsLoadedAsUnknown) {
  TagEngine engine;
  const auto refers = [](const std::string& name, const std::string& to, bool negate = false) {
    TagDefinition tag;
    tag.name = TagName(name);
    tag.kind = TagKind::kClassification;
    tag.rules = {{.id = 1, .type = "tag", .negate = negate, .parameters = {{"tags", std::vector<std::string>{to}}}}};
    return tag;
  };
  const FactMap facts = {{std::string(keys::kOsFamily), known(std::string("linux"))},
                         {std::string(keys::kEmsClassifications), known(std::vector<std::string>{"A", "B"})}};
  EXPECT_EQ(engine.load(2, refers("A", "B")).value(), "");
  EXPECT_FALSE(engine.set(3, refers("B", "A")));
  EXPECT_NE(engine.load(3, refers("B", "A")).value(), "");
  EXPECT_FALSE(engine.load(4, process_tag("B", "x")));  // another has the name
  EXPECT_EQ(engine.load(5, refers("NotB", "B", true)).value(), "");
  EXPECT_FALSE(engine.find(3)->in_force());
  EXPECT_EQ(engine.find(3)->definition(), refers("B", "A"));
  for (const TagId id : {2u, 3u, 5u}) EXPECT_EQ(state(engine, id, facts), TagState::kUnknown) << id;
  const TagSets all = engine.evaluate_all({facts, kNow});
  for (const TagId id : {2u, 3u, 5u}) EXPECT_EQ(all.state(id), TagState::kUnknown) << id;
  EXPECT_EQ(engine.explain(3, {facts, kNow})->reason, "not_in_force");
  TagDefinition by_hand = refers("B", "A");
  by_hand.rules.clear();
  ASSERT_TRUE(engine.set(3, by_hand));
  EXPECT_EQ(state(engine, 2, facts), TagState::kHas);
  EXPECT_EQ(state(engine, 5, facts), TagState::kAbsent);
}

TEST(TagEngine, AStoredTagWhoseRuleIsNotAllowedAnyMoreIsLoadedAsUnknown) {
  TagEngine engine;
  TagDefinition tag = process_tag("Old", "x");
  tag.rules[0].type = "file";
  tag.rules[0].negate = true;
  tag.rules[0].parameters = {{"paths", std::vector<std::string>{"/etc/x"}}, {"regex", std::string("((a?){200}){4}a{200}b")}};
  EXPECT_FALSE(engine.set(2, tag));
  const auto why = engine.load(2, tag);
  ASSERT_TRUE(why);
  EXPECT_NE(why->find("steps"), why->npos);
  EXPECT_FALSE(engine.find(2)->in_force());
  EXPECT_EQ(engine.find(2)->definition(), tag);  // what is wrong with it can be seen and mended
  EXPECT_EQ(state(engine, 2, linux_facts()), TagState::kUnknown);
  EXPECT_EQ(engine.explain(2, {linux_facts(), kNow})->reason, "not_in_force");
  tag.rules[0].parameters["regex"] = std::string("a+b");
  ASSERT_TRUE(engine.set(2, tag));
  EXPECT_TRUE(engine.find(2)->in_force());
}

TEST(TagReferenceTest, OfAKindThatNobodyKnowsIsNoTag) {
  EXPECT_TRUE(tag_reference("Kiosk").means(true, TagKind::kSecurity));
  EXPECT_TRUE(tag_reference("classification/Kiosk").means(true, TagKind::kClassification));
  EXPECT_FALSE(tag_reference("classification/Kiosk").means(true, TagKind::kSecurity));
  for (const TagKind kind : kAllTagKinds) EXPECT_FALSE(tag_reference("xyz/Kiosk").means(true, kind));
}

TEST(TagEngine, AFailedSetChangesNothing) {
  TagEngine engine;
  ASSERT_TRUE(engine.set(2, process_tag("A", "a")));
  ASSERT_TRUE(engine.set(3, process_tag("B", "b")));
  EXPECT_EQ(engine.set(0, process_tag("C", "c")).error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(engine.set(3, process_tag("A", "c")).error().code, ErrorCode::kAlreadyExists);
  EXPECT_EQ(engine.set(3, process_tag("B", "c/d")).error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(engine.find(3)->definition(), process_tag("B", "b"));
  EXPECT_THAT(engine.affected_by(Keys{keys::process_running("b")}), ElementsAre(3));
  EXPECT_EQ(engine.remove(4).error().code, ErrorCode::kNotFound);
}

TEST(TagEngine, AnEndpointIsJudgedByTheRulesOfItsOwnSystem) {
  TagEngine engine;
  ASSERT_TRUE(engine.set(2, tag(R"({"name":"T","rules":[
      {"id":1,"os":"linux","type":"running-process","processes":["a"]},
      {"id":2,"os":"linux","type":"running-process","processes":["b"]},
      {"id":3,"os":"windows","type":"running-process","processes":["c.exe"]}]})")));
  const auto facts = [](Fact os, bool a, bool b, bool c) {
    return FactMap{{std::string(keys::kOsFamily), std::move(os)},
                   {keys::process_running("a"), known(a)},
                   {keys::process_running("b"), known(b)},
                   {keys::process_running("c.exe"), known(c)}};
  };
  EXPECT_EQ(state(engine, 2, facts(text("linux"), true, true, false)), TagState::kHas);
  EXPECT_EQ(state(engine, 2, facts(text("linux"), true, false, true)), TagState::kAbsent);
  EXPECT_EQ(state(engine, 2, facts(text("windows"), false, false, true)), TagState::kHas);
  EXPECT_EQ(state(engine, 2, facts(text("windows"), true, true, false)), TagState::kAbsent);
  EXPECT_EQ(state(engine, 2, facts(text("macos"), true, true, true)), TagState::kAbsent);
  EXPECT_EQ(state(engine, 2, facts(text("plan9"), true, true, true)), TagState::kUnknown);
  EXPECT_EQ(state(engine, 2, facts(text(""), true, true, true)), TagState::kUnknown);
  EXPECT_EQ(state(engine, 2, facts(unknown(UnknownReason::kFailed), true, true, true)),
            TagState::kUnknown);
  EXPECT_EQ(state(engine, 2, facts(known(true), true, true, true)), TagState::kUnknown);
  EXPECT_EQ(state(engine, 2, {}), TagState::kUnknown);

  ASSERT_TRUE(engine.set(2, tag(R"({"name":"T"})")));
  EXPECT_EQ(state(engine, 2, {}), TagState::kAbsent);
  EXPECT_EQ(state(engine, 2, facts(text("plan9"), true, true, true)), TagState::kAbsent);
}

TEST(TagEngine, LogicPerSystem) {
  TagEngine engine;
  ASSERT_TRUE(engine.set(2, tag(R"({"name":"T","rules":[
      {"id":1,"os":"linux","type":"running-process","processes":["a"]},
      {"id":2,"os":"linux","type":"running-process","processes":["b"]},
      {"id":3,"os":"linux","type":"running-process","processes":["c"],"negate":true}],
      "logic":{"linux":"(1 and 2) or not 3"}})")));
  FactMap facts = linux_facts();
  const auto set = [&](const char* process, Fact fact) {
    facts[keys::process_running(process)] = std::move(fact);
  };
  set("a", known(true)), set("b", known(true)), set("c", known(false));
  EXPECT_EQ(state(engine, 2, facts), TagState::kHas);
  set("b", known(false));
  EXPECT_EQ(state(engine, 2, facts),
            TagState::kAbsent);  // rule 3 (c does not run) holds, so "not 3" doesn't
  set("c", known(true));
  EXPECT_EQ(state(engine, 2, facts), TagState::kHas);
  set("c", unknown(UnknownReason::kDenied));
  EXPECT_EQ(state(engine, 2, facts), TagState::kUnknown);
  set("b", known(true));
  EXPECT_EQ(state(engine, 2, facts), TagState::kHas);  // whatever c does
}

TEST(TagEngine, ADisabledTagIsAbsentAndAsksForNothing) {
  TagEngine engine;
  TagDefinition t = process_tag("T", "a");
  ASSERT_TRUE(engine.set(2, t));
  FactMap facts = linux_facts();
  facts[keys::process_running("a")] = known(true);
  TagSets sets = engine.evaluate_all({facts, kNow});
  EXPECT_THAT(sets.has(), ElementsAre(2));
  EXPECT_THAT(sets.unknown(), ElementsAre(kAllRegisteredClientsId));

  t.enabled = false;
  ASSERT_TRUE(engine.set(2, t));
  EXPECT_THAT(engine.affected_by(Keys{keys::process_running("a"), std::string(keys::kOsFamily)}),
              IsEmpty());
  EXPECT_THAT(engine.required_facts(OsFamily::kLinux).keys, IsEmpty());
  EXPECT_EQ(state(engine, 2, facts), TagState::kAbsent);
  EXPECT_THAT(engine.reevaluate(std::vector<TagId>{2}, {facts, kNow}, sets),
              ElementsAre(TagChange{2, TagState::kHas, TagState::kAbsent}));
  EXPECT_THAT(sets.has(), IsEmpty());
}

TEST(TagEngine, IndexFollowsSetReplaceAndRemove) {
  TagEngine engine;
  const Keys a{keys::process_running("a")}, b{keys::process_running("b")},
      os{std::string(keys::kOsFamily)};
  ASSERT_TRUE(engine.set(5, process_tag("Five", "a")));
  ASSERT_TRUE(engine.set(3, process_tag("Three", "a")));
  EXPECT_THAT(engine.affected_by(a), ElementsAre(3, 5));
  EXPECT_THAT(engine.affected_by(os), ElementsAre(3, 5));
  EXPECT_THAT(engine.affected_by(Keys{a[0], os[0], a[0]}), ElementsAre(3, 5));
  EXPECT_THAT(engine.affected_by(Keys{"host.name"}), IsEmpty());
  ASSERT_TRUE(engine.set(5, process_tag("Renamed", "b")));
  EXPECT_EQ(engine.id_of("Five"), 0u);
  EXPECT_EQ(engine.id_of("Renamed"), 5u);
  EXPECT_THAT(engine.affected_by(a), ElementsAre(3));
  EXPECT_THAT(engine.affected_by(b), ElementsAre(5));
  ASSERT_TRUE(engine.remove(5));
  EXPECT_THAT(engine.affected_by(b), IsEmpty());
  EXPECT_EQ(engine.id_of("Renamed"), 0u);
  EXPECT_EQ(engine.find(5), nullptr);

  // An endpoint that carried it loses it.
  TagSets sets({5}, {});
  EXPECT_THAT(engine.reevaluate(std::vector<TagId>{5}, {linux_facts(), kNow}, sets),
              ElementsAre(TagChange{5, TagState::kHas, TagState::kAbsent}));
  EXPECT_EQ(sets, TagSets());
}

TEST(TagEngine, ARuleThatLogicLeavesOutCostsNothing) {
  TagEngine engine;
  ASSERT_TRUE(engine.set(2, tag(R"({"name":"T","rules":[
      {"id":1,"os":"linux","type":"running-process","processes":["a"]},
      {"id":2,"os":"linux","type":"running-process","processes":["b"]}],"logic":{"linux":"1"}})")));
  EXPECT_THAT(engine.affected_by(Keys{keys::process_running("b")}), IsEmpty());
  EXPECT_THAT(engine.required_facts(OsFamily::kLinux).keys,
              ElementsAre("process.running:a"));
}

TEST(TagEngine, ProbesAreDistinctSortedPerSystemAndVersioned) {
  TagEngine engine;
  const RequiredFacts none = engine.required_facts(OsFamily::kLinux);
  EXPECT_THAT(none.keys, IsEmpty());
  EXPECT_NE(none.version, 0u);

  ASSERT_TRUE(engine.set(2, tag(R"({"name":"T","rules":[
      {"id":1,"os":"linux","type":"file","paths":["/z","/a"]},
      {"id":2,"os":"linux","type":"running-process","processes":["sshd","clamd"]},
      {"id":3,"os":"macos","type":"file","paths":["/m"]}]})")));
  const RequiredFacts linux_list = engine.required_facts(OsFamily::kLinux);
  EXPECT_THAT(
      linux_list.keys,
      ElementsAre("file.exists:/a", "file.exists:/z", "process.running:clamd", "process.running:sshd"));
  EXPECT_THAT(engine.required_facts(OsFamily::kMacos).keys,
              ElementsAre("file.exists:/m"));
  EXPECT_EQ(engine.required_facts(OsFamily::kWindows).version, none.version);
  EXPECT_NE(linux_list.version, none.version);

  // A second tag with nothing new leaves the version; something new changes it; without it, it is
  // the same again.
  ASSERT_TRUE(engine.set(3, process_tag("U", "sshd")));
  EXPECT_EQ(engine.required_facts(OsFamily::kLinux).version, linux_list.version);
  ASSERT_TRUE(engine.set(3, process_tag("U", "cupsd")));
  EXPECT_NE(engine.required_facts(OsFamily::kLinux).version, linux_list.version);
  ASSERT_TRUE(engine.remove(3));
  EXPECT_EQ(engine.required_facts(OsFamily::kLinux).version, linux_list.version);
}

TEST(TagEngine, OnUnknownIsCarriedAndNotFoldedIn) {
  TagEngine engine;
  for (const OnUnknown what : {OnUnknown::kDeny, OnUnknown::kIgnore}) {
    TagDefinition t = process_tag("T", "a");
    t.on_unknown = what;
    ASSERT_TRUE(engine.set(2, t));
    EXPECT_EQ(engine.find(2)->definition().on_unknown, what);
    EXPECT_EQ(state(engine, 2, linux_facts()), TagState::kUnknown);
  }
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

TEST(TagEngine, AnAgeIsNeverNegative) {
  FactMap facts = linux_facts();
  facts[std::string(keys::kOsFamily)].collected_at = kNow.wall + Seconds(10);
  EXPECT_EQ(read_fact({facts, kNow}, keys::kOsFamily).age, Millis(0));
}

TEST(Explain, WhyAFactIsUnknownIsNotItsSource) {
  FactMap facts = linux_facts();
  const std::string key(keys::kOsFamily);
  facts[key] = {Unknown{UnknownReason::kFailed}, kNow.wall, "/etc/x: it is larger than 16 MiB"};
  const auto reading = read_fact({facts, kNow}, key);
  EXPECT_EQ(reading.text, "unknown (failed): it is larger than 16 MiB");
  EXPECT_EQ(reading.fact->source, "/etc/x");
  facts[key] = {std::string("linux"), kNow.wall, "/boot: 6.2 is newer than 6.1"};  // of what is known all of it is the source
  EXPECT_EQ(read_fact({facts, kNow}, key).fact->source, "/boot: 6.2 is newer than 6.1");
}

TEST(Explain, ValuesAsPeopleReadThem) {
  const std::pair<FactValue, const char*> rows[] = {
      {Unknown{UnknownReason::kDenied}, "unknown (denied)"},
      {true, "true"},
      {std::int64_t{-12}, "-12"},
      {std::string("x"), "x"},
      {std::vector<std::string>{"a", "b"}, "a, b"},
      {std::vector<std::string>{}, "none"},
      {std::vector<Interface>{interface("ens3", {"10.0.1.2", "fe80::1"}),
                              interface("wlan0", {}, false)},
       "ens3 up 10.0.1.2 fe80::1; wlan0 down"},
      {std::vector<Route>{{.interface = "ens3",
                           .gateway_ip = *IpAddress::parse("10.0.1.1"),
                           .gateway_mac = {},
                           .local_ip = {}}},
       "ens3 via 10.0.1.1"},
      {std::vector<Route>{{.interface = "ens3",
                           .gateway_ip = *IpAddress::parse("10.0.1.1"),
                           .gateway_mac = *MacAddress::parse("02:09:0f:00:01:02"),
                           .local_ip = {}},
                          {.interface = "tun0", .gateway_ip = {}, .gateway_mac = {}, .local_ip = {}}},
       "ens3 via 10.0.1.1 (02:09:0f:00:01:02); tun0"},
      {VulnerabilityCounts{.critical = 1, .unknown = 3, .unknown_fixable = 2},
       "critical=1, high=0, medium=0, low=0, info=0, unknown=3 (2 fixable)"},
  };
  for (const auto& [value, expected] : rows) EXPECT_EQ(fact_value_text(value), expected);
}

TEST(Explain, ACertificateSaysWhatRulesDemandOfIt) {
  Certificate c;
  c.subject = "laptop7";
  c.issuer = "Corp CA";
  c.not_before = from_unix_ms(0);
  c.not_after = from_unix_ms(86'400'000);
  EXPECT_EQ(fact_value_text(std::vector<Certificate>{c}),
            "laptop7 (issued by Corp CA, 1970-01-01T00:00:00.000Z to 1970-01-02T00:00:00.000Z, without its private key)");
  c.ca = c.client_auth = c.has_private_key = true;
  c.trust = ChainTrust::kTrusted;
  EXPECT_EQ(fact_value_text(std::vector<Certificate>{c}),
            "laptop7 (issued by Corp CA, 1970-01-01T00:00:00.000Z to 1970-01-02T00:00:00.000Z, a CA's, may prove a client, "
            "trusted, with its private key)");
  c.trust = ChainTrust::kUntrusted;
  c.ca = c.client_auth = false;
  EXPECT_EQ(fact_value_text(std::vector<Certificate>{c}),
            "laptop7 (issued by Corp CA, 1970-01-01T00:00:00.000Z to 1970-01-02T00:00:00.000Z, not trusted, with its private "
            "key)");
}

TEST(Explain, WhatANumberMeansFollowsFromItsKey) {
  const auto said = [](std::string_view key, std::int64_t value) { return fact_value_text(key, value); };
  EXPECT_EQ(said(keys::kEmsVulnMaxCvss, 88), "8.8");
  EXPECT_EQ(said(keys::kEmsVulnMaxCvss, 100), "10.0");
  EXPECT_EQ(said(keys::kEmsVulnMaxEpss, 9434), "0.9434");
  EXPECT_EQ(said(keys::kEmsVulnMaxEpss, 1), "0.0001");
  EXPECT_EQ(said("file.modified_at:/x", -86'400'000), "1969-12-31T00:00:00.000Z");
  EXPECT_EQ(said(keys::kMemoryMb, 88), "88");
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

TEST(TagSets, UnknownWinsAndStatesExcludeOneAnother) {
  TagSets sets({9, 3, 3, 4}, {4, 7});
  EXPECT_THAT(sets.has(), ElementsAre(3, 9));
  EXPECT_THAT(sets.unknown(), ElementsAre(4, 7));
  EXPECT_EQ(sets.state(4), TagState::kUnknown);
  EXPECT_EQ(sets.state(5), TagState::kAbsent);
  EXPECT_TRUE(sets.set(3, TagState::kUnknown));
  EXPECT_FALSE(sets.set(3, TagState::kUnknown));
  EXPECT_TRUE(sets.set(7, TagState::kHas));
  EXPECT_TRUE(sets.set(9, TagState::kAbsent));
  EXPECT_FALSE(sets.set(9, TagState::kAbsent));
  EXPECT_EQ(sets, TagSets({7}, {3, 4}));
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
