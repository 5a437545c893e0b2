// Sets of tags: all or nothing.
#include <gmock/gmock.h>

#include "ems/bootstrap/identity.h"
#include "ems/core/test_lab.h"
#include "posture/tag_json.h"
#include "proto/fact_codec.h"
#include "wire/telemetry.pb.h"

namespace postern::ems::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

posture::TagDefinition plain_tag(const std::string& name, const std::string& message = "") {
  posture::TagDefinition tag;
  tag.name = TagName(name);
  tag.message = message;
  return tag;
}

posture::TagDefinition naming_tag(const std::string& name, std::vector<std::string> others) {
  auto tag = plain_tag(name);
  tag.rules = {{.id = 1, .os = posture::OsFamily::kLinux, .type = "tag", .parameters = {{"tags", std::move(others)}}}};
  return tag;
}

posture::TagDefinition asking_tag(const std::string& name, int from, int count) {
  auto tag = plain_tag(name);
  for (int rule = 0; rule * 64 < count; ++rule) {
    std::vector<std::string> processes;
    for (int i = rule * 64; i < std::min(count, rule * 64 + 64); ++i) processes.push_back("p" + std::to_string(from + i));
    tag.rules.push_back({.id = static_cast<std::uint32_t>(rule + 1),
                         .os = posture::OsFamily::kLinux,
                         .type = "running-process",
                         .parameters = {{"processes", processes}}});
  }
  return tag;
}

class TagChanges : public Lab {
 protected:
  Result<Applied> apply(ChangeSet set) {
    std::optional<Result<Applied>> out;
    core->apply(clock.now(), admin, std::move(set), [&](Result<Applied> done) { out = std::move(done); });
    run();
    if (!out) return fail(ErrorCode::kInternal, "nobody answered");
    return *out;
  }
  /// It is refused, by what_if() in the same words, and nothing is another than before.
  Error refused(const ChangeSet& set) {
    const auto before = rows();
    const auto revision = core->revision();
    const auto audits = core->audit_size();
    const auto checked = core->what_if(clock.now(), set);
    const auto applied = apply(set);
    EXPECT_FALSE(checked);
    EXPECT_FALSE(applied);
    if (checked || applied) return {};
    EXPECT_EQ(checked.error().message, applied.error().message);
    EXPECT_EQ(checked.error().code, applied.error().code);
    EXPECT_EQ(rows(), before);
    EXPECT_EQ(core->revision(), revision);
    EXPECT_EQ(core->audit_size(), audits);
    return applied.error();
  }
  std::vector<std::string> rows() const {
    std::vector<std::string> out;
    EXPECT_TRUE(store.load([&](TableId table, std::string_view key, std::string_view value) -> Status {
      if (key == meta::kAliveAt) return {};
      out.push_back(std::string(table_name(table)) + "/" + std::string(key) + "=" + std::string(value));
      return {};
    }));
    return out;
  }
  std::vector<std::string> names() const {
    std::vector<std::string> out;
    for (const auto* tag : core->tags()) {
      if (tag->id != posture::kAllRegisteredClientsId) out.push_back(tag->definition.name.str());
    }
    return out;
  }
};

TEST_F(TagChanges, TagsThatReferToOneAnotherAreSavedInAnyOrderInOneTransaction) {
  const ChangeSet set{{naming_tag("Top", {"Middle"}), naming_tag("Middle", {"Base"}), plain_tag("Base")}, {}};
  const auto checked = core->what_if(clock.now(), set);
  ASSERT_TRUE(checked) << checked.error().message;
  EXPECT_THAT(checked->would.created, ElementsAre("Top", "Middle", "Base"));
  EXPECT_THAT(names(), IsEmpty());
  const auto commits = store.commits();
  const auto revision = core->revision();
  const auto done = apply(set);
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_THAT(done->created, ElementsAre("Top", "Middle", "Base"));
  EXPECT_EQ(store.commits(), commits + 1);
  EXPECT_EQ(core->revision(), revision + 3);
  EXPECT_THAT(names(), ElementsAre("Base", "Middle", "Top"));
  const auto audit = core->audit(0, 3);
  ASSERT_TRUE(audit);
  std::vector<std::string> told;
  for (const auto& entry : *audit) told.push_back(entry.actor + " " + entry.action + " " + entry.object);
  EXPECT_THAT(told, ElementsAre("admin tag.create Top", "admin tag.create Middle", "admin tag.create Base"));
  restart();
  EXPECT_THAT(names(), ElementsAre("Base", "Middle", "Top"));
  EXPECT_EQ(core->engine().find(core->engine().id_of("Top"))->referred_tags(), std::vector<std::string>{"Middle"});
}

TEST_F(TagChanges, ALargeSetIsOneTransactionToo) {
  ChangeSet set;
  for (int i = 0; i < 1500; ++i) set.save.push_back(plain_tag("T" + std::to_string(i)));  // more than a batch
  const auto commits = store.commits();
  ASSERT_TRUE(apply(set));
  EXPECT_EQ(store.commits(), commits + 1);
  const auto before = rows();
  for (auto& tag : set.save) tag.message = "changed";
  store.fail_commits(Error{ErrorCode::kResourceExhausted, "the disk is full"});
  const auto failed = apply(set);
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code, ErrorCode::kResourceExhausted);
  EXPECT_EQ(rows(), before);
  EXPECT_EQ(core->tag("T7")->definition.message, "");
  store.fail_commits(std::nullopt);
  ASSERT_TRUE(apply(set));
  EXPECT_EQ(core->tag("T7")->definition.message, "changed");
}

TEST_F(TagChanges, WhatIsAsTheSetHasItIsNotTouched) {
  ASSERT_TRUE(apply({{plain_tag("A"), plain_tag("B")}, {}}));
  const auto revision = core->revision();
  const auto commits = store.commits();
  const auto audits = core->audit_size();
  clock.advance(Seconds(2));
  const auto same = apply({{plain_tag("A"), plain_tag("B")}, {}});
  ASSERT_TRUE(same);
  EXPECT_THAT(same->unchanged, ElementsAre("A", "B"));
  EXPECT_EQ(core->revision(), revision);
  EXPECT_EQ(store.commits(), commits);
  EXPECT_EQ(core->audit_size(), audits);
  const auto then = core->tag("A")->updated_at;
  const auto one = apply({{plain_tag("A"), plain_tag("B", "another")}, {}});
  ASSERT_TRUE(one);
  EXPECT_THAT(one->changed, ElementsAre("B"));
  EXPECT_EQ(core->revision(), revision + 1);
  EXPECT_EQ(core->tag("A")->updated_at, then);
  EXPECT_GT(core->tag("B")->updated_at, then);
}

TEST_F(TagChanges, WhatIsRemovedMayBeReferredToByWhatGoesOrChangesWithIt) {
  ASSERT_TRUE(apply({{naming_tag("Top", {"Middle"}), naming_tag("Middle", {"Base"}), plain_tag("Base"), naming_tag("Other", {"Base"})}, {}}));
  EXPECT_THAT(refused({{}, {"Base", "Middle", "Top"}}).message,
              "Base: rules of Other refer to the tag Base; change them before it is deleted");
  EXPECT_THAT(refused({{}, {"Middle"}}).message, HasSubstr("rules of Top refer to the tag Middle"));
  const auto done = apply({{plain_tag("Other")}, {"Base", "Middle", "Top"}});
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_THAT(done->removed, ElementsAre("Base", "Middle", "Top"));
  EXPECT_THAT(done->changed, ElementsAre("Other"));
  EXPECT_THAT(names(), ElementsAre("Other"));
  restart();
  EXPECT_THAT(names(), ElementsAre("Other"));
}

TEST_F(TagChanges, ADisabledTagThatNamesOneKeepsItToo) {
  auto off = naming_tag("Off", {"Base"});
  off.enabled = false;
  ASSERT_TRUE(apply({{plain_tag("Base"), off}, {}}));
  EXPECT_EQ(refused({{}, {"Base"}}).code, ErrorCode::kConflict);
  off.message = "still off";
  EXPECT_EQ(refused({{off}, {"Base"}}).code, ErrorCode::kConflict);
}

TEST_F(TagChanges, OneOfManyThatIsWrongLeavesEverythingAsItWas) {
  ASSERT_TRUE(apply({{plain_tag("A"), plain_tag("Old")}, {}}));
  auto frob = plain_tag("Frob");
  frob.rules = {{.id = 1, .os = posture::OsFamily::kLinux, .type = "frob", .parameters = {}}};
  ChangeSet set{{plain_tag("A", "changed"), frob}, {"Old"}};
  for (int i = 0; i < 100; ++i) set.save.push_back(plain_tag("T" + std::to_string(i)));
  const auto error = refused(set);
  EXPECT_EQ(error.code, ErrorCode::kInvalidArgument);
  EXPECT_THAT(error.message, ::testing::StartsWith("Frob: rule 1"));
  EXPECT_THAT(names(), ElementsAre("A", "Old"));
}

TEST_F(TagChanges, EachKindOfMistakeIsToldWithTheTagsName) {
  ASSERT_TRUE(apply({{plain_tag("Marked"), naming_tag("Uses", {"Marked"})}, {}}));
  struct Case {
    ChangeSet set;
    ErrorCode code;
    const char* message;
  };
  const Case cases[] = {
      {{{plain_tag("..")}, {}}, ErrorCode::kInvalidArgument, "..: name: \".\" and \"..\" mean another place"},
      {{{plain_tag("marked")}, {}}, ErrorCode::kAlreadyExists, "marked: there is a tag Marked already; a name that differs only in case"},
      {{{plain_tag("New"), plain_tag("nEw")}, {}}, ErrorCode::kAlreadyExists, "nEw: there is a tag New already"},
      {{{plain_tag("ALL_registered_clients")}, {}}, ErrorCode::kAlreadyExists, "all_registered_clients already"},
      {{{plain_tag("all_registered_clients")}, {}}, ErrorCode::kPermissionDenied, "built in and can't be changed"},
      {{{}, {"all_registered_clients"}}, ErrorCode::kPermissionDenied, "built in and can't be deleted"},
      {{{plain_tag("X"), plain_tag("X", "other")}, {}}, ErrorCode::kInvalidArgument, "X: is there twice"},
      {{{plain_tag("Uses")}, {"Uses"}}, ErrorCode::kInvalidArgument, "Uses: is to be saved and to be removed"},
      {{{}, {"Uses", "Uses"}}, ErrorCode::kInvalidArgument, "Uses: is to be removed twice"},
      {{{}, {"Nothing"}}, ErrorCode::kNotFound, "Nothing: there is no tag Nothing to remove"},
      {{{naming_tag("X", {"Nothing"})}, {}}, ErrorCode::kInvalidArgument, "X: rules: there is no tag Nothing"},
      {{{naming_tag("Marked", {"Uses"})}, {}}, ErrorCode::kInvalidArgument, "in a circle (Marked, Uses, Marked)"},
      {{{naming_tag("X", {"Y"}), naming_tag("Y", {"X"})}, {}}, ErrorCode::kInvalidArgument, "in a circle"},
  };
  for (const auto& [set, code, message] : cases) {
    const auto error = refused(set);
    EXPECT_EQ(error.code, code) << error.message;
    EXPECT_THAT(error.message, HasSubstr(message));
  }
  const auto two = refused({{plain_tag(".."), naming_tag("X", {"Nothing"})}, {}});
  EXPECT_THAT(two.message, ::testing::StartsWith("2 mistakes: ..: name"));
  EXPECT_THAT(two.message, HasSubstr("; X: rules: there is no tag Nothing"));
  // Gone with the set, the name is free for another spelling.
  ASSERT_TRUE(apply({{plain_tag("marked"), naming_tag("Uses", {"marked"})}, {"Marked"}}));
  EXPECT_THAT(names(), ElementsAre("Uses", "marked"));
}

TEST_F(TagChanges, WhatAllOfThemAskAgentsForIsBounded) {
  const int most = static_cast<int>(proto::kMaxProbes);
  const auto error = refused({{asking_tag("A", 0, most / 2 + 1), asking_tag("B", 100'000, most / 2)}, {}});
  EXPECT_EQ(error.code, ErrorCode::kResourceExhausted);
  EXPECT_THAT(error.message, HasSubstr(std::to_string(most + 1) + " facts"));
  ASSERT_TRUE(apply({{asking_tag("A", 0, most / 2 + 1), asking_tag("B", 0, most / 2)}, {}}));  // mostly the same ones
  ASSERT_TRUE(apply({{asking_tag("C", 100'000, most / 2)}, {"A", "B"}}));
}

TEST_F(TagChanges, HowManyAtOnceIsBounded) {
  ChangeSet set;
  for (std::size_t i = 0; i <= kMaxChangeSet; ++i) set.remove.push_back("T" + std::to_string(i));
  EXPECT_THAT(refused(set).message, HasSubstr("0 tags to save and 10001 to remove: at most 10000 of each"));
}

TEST_F(TagChanges, EndpointsFollowTheWholeSet) {
  TestAgent a;
  join(a);
  report(a, {{keys::process_running("sshd"), true}});
  auto sshd = *posture::parse_tag_json(
      R"({"name":"Has-sshd","rules":[{"id":1,"os":"linux","type":"running-process","processes":["sshd"]}]})");
  ASSERT_TRUE(apply({{naming_tag("Both", {"Has-sshd"}), sshd, plain_tag("Given")}, {}}));
  EXPECT_EQ(a.tags(), (std::set<std::string>{"all_registered_clients", "Has-sshd", "Both"}));
  auto mark = plain_tag("Mark");
  mark.kind = posture::TagKind::kClassification;
  ASSERT_TRUE(apply({{mark}, {"Both", "Has-sshd"}}));
  EXPECT_EQ(a.tags(), std::set<std::string>{"all_registered_clients"});
  core->classify(clock.now(), admin, a.uid(), {"Mark"}, nullptr);
  run();
  EXPECT_FALSE(core->endpoint(a.uid())->classifications.empty());
  ASSERT_TRUE(apply({{}, {"Mark", "Given"}}));
  EXPECT_THAT(core->endpoint(a.uid())->classifications, IsEmpty());
}

TEST_F(TagChanges, WhatWasGivenByHandIsTakenOffInPartsAndBeforeTheNameIsGivenAgain) {
  options.batch = 2;
  restart();
  auto mark = plain_tag("Mark");
  mark.kind = posture::TagKind::kClassification;
  ASSERT_TRUE(apply({{mark, plain_tag("Other")}, {}}));
  std::vector<TestAgent> agents(5);
  for (auto& a : agents) {
    join(a);
    core->classify(clock.now(), admin, a.uid(), {"Mark"}, nullptr);
    run();
    ASSERT_EQ(a.tags(), (std::set<std::string>{"all_registered_clients", "Mark"}));
  }
  const auto marked = [&] {
    return std::ranges::count_if(agents, [&](const auto& a) { return !core->endpoint(a.uid())->classifications.empty(); });
  };
  const auto halfway = [&] {
    for (int i = 0; i < 100 && marked() == 5; ++i) core->flush(clock.now());
    return marked() > 0 && marked() < 5;
  };
  core->delete_tag(clock.now(), admin, "Mark", nullptr);
  ASSERT_TRUE(halfway());
  // Those who still have it in their rows must not have one that is called the same, nor the old one again.
  EXPECT_EQ(core->what_if(clock.now(), ChangeSet{{mark}, {}}).error().code, ErrorCode::kUnavailable);
  Result<EmsCore::Undone> undone;
  core->undo_tag(clock.now(), admin, "Mark", 0, "", [&](Result<EmsCore::Undone> done) { undone = std::move(done); });
  for (auto& action : core->take_actions()) perform(action);
  core->flush(clock.now());
  for (auto& action : core->take_actions()) perform(action);
  ASSERT_FALSE(undone);
  EXPECT_EQ(undone.error().code, ErrorCode::kUnavailable);
  run();
  EXPECT_EQ(marked(), 0);
  ASSERT_TRUE(apply({{mark}, {}}));
  for (const auto& a : agents) EXPECT_FALSE(a.tags().contains("Mark"));

  // The same, killed halfway.
  for (auto& a : agents) {
    core->classify(clock.now(), admin, a.uid(), {"Mark"}, nullptr);
    run();
  }
  core->delete_tag(clock.now(), admin, "Mark", nullptr);
  ASSERT_TRUE(halfway());
  restart();
  EXPECT_EQ(marked(), 0);
  ASSERT_TRUE(apply({{mark}, {}}));
  for (auto& a : agents) {
    connect(a, a.seq);
    EXPECT_FALSE(a.tags().contains("Mark"));
  }

  // And where a part of it can't be stored.
  for (auto& a : agents) {
    core->classify(clock.now(), admin, a.uid(), {"Mark"}, nullptr);
    run();
  }
  core->delete_tag(clock.now(), admin, "Mark", nullptr);
  ASSERT_TRUE(halfway());
  store.fail_commits(Error{ErrorCode::kResourceExhausted, "the disk is full"});
  run();
  EXPECT_GT(marked(), 0);
  EXPECT_EQ(core->what_if(clock.now(), ChangeSet{{mark}, {}}).error().code, ErrorCode::kUnavailable);
  store.fail_commits(std::nullopt);
  clock.advance(Seconds(2));
  core->tick(clock.now());
  run();
  EXPECT_EQ(marked(), 0);
}

TEST_F(TagChanges, AnotherMessageReachesThoseWhoHaveTheTag) {
  TestAgent a, b;
  join(a);
  join(b);
  auto mark = plain_tag("Mark", "before");
  mark.kind = posture::TagKind::kClassification;
  ASSERT_TRUE(apply({{mark}, {}}));
  core->classify(clock.now(), admin, a.uid(), {"Mark"}, nullptr);
  run();
  const auto message = [](const TestAgent& agent) {
    const auto* last = agent.last(wire::TelemetryFrame::kTagState);
    for (const auto& tag : last->tag_state().tags()) {
      if (tag.name() == "Mark") return tag.message();
    }
    return std::string("none");
  };
  EXPECT_EQ(message(a), "before");
  mark.message = "after";
  const auto told = b.inbox.size();
  ASSERT_TRUE(apply({{mark}, {}}));
  EXPECT_EQ(message(a), "after");
  EXPECT_EQ(message(b), "none");
  EXPECT_EQ(b.inbox.size(), told);
  ASSERT_TRUE(apply({{}, {"Mark"}}));
  EXPECT_EQ(message(a), "none");
}

}  // namespace
}  // namespace postern::ems::testing
