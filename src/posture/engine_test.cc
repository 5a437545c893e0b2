#include "posture/engine.h"

#include <gmock/gmock.h>

#include <string>
#include <vector>

#include "posture/test_facts.h"
#include "posture/test_tags.h"

namespace postern::posture {
namespace {

using namespace testing;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using Keys = std::vector<std::string>;

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

}  // namespace
}  // namespace postern::posture
