// Several tags at once: what matters is how they stand together.
#include <gmock/gmock.h>

#include "posture/engine.h"
#include "posture/fact_keys.h"

namespace postern::posture {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

TagDefinition naming(const std::string& name, std::vector<std::string> others = {}) {
  TagDefinition tag;
  tag.name = TagName(name);
  if (!others.empty()) tag.rules = {{.id = 1, .os = OsFamily::kLinux, .type = "tag", .parameters = {{"tags", std::move(others)}}}};
  return tag;
}

class EngineEdits : public ::testing::Test {
 protected:
  /// Empty: they are in effect.
  std::vector<TagError> change(TagEdits edits) {
    auto drafts = engine.drafts(std::move(edits));
    if (!drafts) return drafts.error();
    order.clear();
    for (const auto& [id, tag] : drafts->set) order.push_back(id);
    removed = drafts->removed;
    engine.adopt(std::move(*drafts));
    return {};
  }
  TagEngine engine;
  std::vector<TagId> order, removed;
};

TEST_F(EngineEdits, WhatIsReferredToComesFirstAndGoesLast) {
  ASSERT_THAT(change({.set = {{2, naming("A", {"B"})}, {3, naming("B", {"C"})}, {4, naming("C")}, {5, naming("D")}}}), IsEmpty());
  EXPECT_THAT(order, ElementsAre(4, 5, 3, 2));
  EXPECT_THAT(engine.affected_by(std::vector<std::string>{keys::with(keys::kTagPrefix, "C")}), ElementsAre(3, 2));
  ASSERT_THAT(change({.removed = {4, 3, 2}}), IsEmpty());
  EXPECT_THAT(removed, ElementsAre(2, 3, 4));
  EXPECT_THAT(engine.tags(), ElementsAre(kAllRegisteredClientsId, 5));
  EXPECT_EQ(engine.id_of("A"), 0u);
}

TEST_F(EngineEdits, TheOrderHoldsOverTagsThatStayAsTheyAre) {
  ASSERT_THAT(change({.set = {{2, naming("Low", {"High"})}, {3, naming("High")}}}), IsEmpty());
  ASSERT_THAT(change({.set = {{4, naming("Mid", {"Low"})}}}), IsEmpty());
  // High comes to stand on Mid, which stands on Low, which stops standing on High.
  ASSERT_THAT(change({.set = {{3, naming("High", {"Mid"})}, {2, naming("Low")}}}), IsEmpty());
  EXPECT_THAT(order, ElementsAre(2, 3));
}

TEST_F(EngineEdits, NamesAreThoseOfAfterwards) {
  ASSERT_THAT(change({.set = {{2, naming("A")}, {3, naming("B")}}}), IsEmpty());
  ASSERT_THAT(change({.set = {{2, naming("B")}, {3, naming("A")}}}), IsEmpty());
  EXPECT_EQ(engine.id_of("A"), 3u);
  EXPECT_EQ(engine.id_of("B"), 2u);
  ASSERT_THAT(change({.set = {{4, naming("A")}}, .removed = {3}}), IsEmpty());
  EXPECT_EQ(engine.id_of("A"), 4u);
  const auto taken = change({.set = {{5, naming("A")}, {6, naming("New")}, {7, naming("New")}}});
  ASSERT_EQ(taken.size(), 2u);
  EXPECT_EQ(taken[0].error.code, ErrorCode::kAlreadyExists);
  EXPECT_EQ(taken[1].tag, "New");
  EXPECT_EQ(engine.id_of("New"), 0u);
}

TEST_F(EngineEdits, ACircleIsNamedWithItsTagsAndNothingChanges) {
  ASSERT_THAT(change({.set = {{2, naming("A")}, {3, naming("B", {"A"})}, {4, naming("Above", {"B"})}}}), IsEmpty());
  const auto errors = change({.set = {{5, naming("Other")}, {2, naming("A", {"C"})}, {6, naming("C", {"B"})}}});
  ASSERT_EQ(errors.size(), 1u);
  EXPECT_EQ(errors[0].tag, "A");
  EXPECT_EQ(errors[0].error.code, ErrorCode::kInvalidArgument);
  EXPECT_THAT(errors[0].error.message, HasSubstr("in a circle (A, C, B, A)"));
  EXPECT_EQ(engine.id_of("Other"), 0u);
  EXPECT_THAT(engine.find(2)->referred_tags(), IsEmpty());
  // A circle that the set opens in the same moment is none.
  EXPECT_THAT(change({.set = {{2, naming("A", {"B"})}, {3, naming("B")}}}), IsEmpty());
  EXPECT_THAT(order, ElementsAre(3, 2));
}

TEST_F(EngineEdits, EveryMistakeIsToldCirclesToo) {
  TagDefinition wrong = naming("Wrong");
  wrong.rules.push_back({.id = 1, .os = OsFamily::kLinux, .type = "no-such", .parameters = {}});
  const auto errors = change({.set = {{2, wrong},
                                      {3, naming("Self", {"P", "Self"})},
                                      {4, naming("P", {"Q"})},
                                      {5, naming("Q", {"P"})},
                                      {6, naming("Above", {"Self"})},
                                      {7, naming("Fine", {"Wrong"})}}});
  std::vector<std::string> told;
  for (const auto& error : errors) told.push_back(error.tag);
  EXPECT_THAT(told, UnorderedElementsAre("Wrong", "Self", "P"));
}

TEST_F(EngineEdits, HowManyMayStandInARowIsAsForASingleTag) {
  const auto tower = [](std::size_t tags) {
    TagEdits edits;
    for (TagId id = 2; id < 2 + tags; ++id) {
      edits.set.emplace_back(id, id == 2 ? naming("T2") : naming("T" + std::to_string(id), {"T" + std::to_string(id - 1)}));
    }
    return edits;
  };
  const auto high = change(tower(kMaxTagDepth + 1));
  ASSERT_FALSE(high.empty());
  EXPECT_THAT(high[0].error.message, HasSubstr("in a row"));
  ASSERT_THAT(change(tower(kMaxTagDepth)), IsEmpty());
  const TagId top = 2 + kMaxTagDepth - 1;
  const auto above = naming("Top", {"T" + std::to_string(top)});
  EXPECT_FALSE(engine.draft(99, above));
  EXPECT_FALSE(change({.set = {{99, above}}}).empty());
  // Put below: the others are too high then.
  EXPECT_FALSE(change({.set = {{99, naming("Base")}, {2, naming("T2", {"Base"})}}}).empty());
}

TEST_F(EngineEdits, EachThatIsWrongIsTold) {
  TagDefinition frob = naming("Frob");
  frob.rules = {{.id = 1, .os = OsFamily::kLinux, .type = "frob", .parameters = {}}};
  const auto errors = change({.set = {{2, naming("Fine")}, {3, frob}, {1, naming("X")}, {0, naming("Zero")}}, .removed = {1, 77}});
  std::vector<std::string> told;
  for (const auto& one : errors) told.push_back(one.tag + " " + std::string(error_code_name(one.error.code)));
  EXPECT_THAT(told, ElementsAre("all_registered_clients permission_denied", "77 not_found", "Frob invalid_argument",
                                "X permission_denied", "Zero invalid_argument"));
  EXPECT_THAT(engine.tags(), ElementsAre(kAllRegisteredClientsId));
}

/// What sets of tags leave behind is what the same tags, set one by one, do.
TEST_F(EngineEdits, AreTheSameAsOneByOne) {
  TagEngine single;
  ASSERT_THAT(change({.set = {{2, naming("A")}, {3, naming("B", {"A"})}, {4, naming("C", {"A", "B"})}}}), IsEmpty());
  ASSERT_THAT(change({.set = {{4, naming("C", {"A"})}, {5, naming("D", {"C", "B"})}}, .removed = {}}), IsEmpty());
  for (const auto& [id, tag] : std::vector<std::pair<TagId, TagDefinition>>{
           {2, naming("A")}, {3, naming("B", {"A"})}, {4, naming("C", {"A"})}, {5, naming("D", {"C", "B"})}}) {
    ASSERT_TRUE(single.set(id, tag));
  }
  EXPECT_EQ(engine.tags(), single.tags());
  for (const std::string name : {"A", "B", "C", "D"}) {
    EXPECT_EQ(engine.referring_to(name), single.referring_to(name)) << name;
    EXPECT_EQ(engine.with_dependants({engine.id_of(name)}), single.with_dependants({single.id_of(name)})) << name;
  }
}

/// However it came about, what stands on something is judged after it.
TEST_F(EngineEdits, TheOrderOfJudgingFollowsEachSingleChange) {
  const auto in_order = [&](TagId below, TagId above) {
    const auto all = engine.with_dependants({below, above});
    return std::find(all.begin(), all.end(), below) < std::find(all.begin(), all.end(), above);
  };
  ASSERT_TRUE(engine.set(2, naming("Top", {"Middle"})));  // what it refers to comes later
  ASSERT_TRUE(engine.set(3, naming("Middle", {"Base"})));
  ASSERT_TRUE(engine.set(4, naming("Base", {"Floor"})));
  ASSERT_TRUE(engine.set(5, naming("Floor")));
  EXPECT_TRUE(in_order(3, 2));
  EXPECT_TRUE(in_order(4, 3));
  EXPECT_TRUE(in_order(5, 4));
  // The other way round, one by one.
  ASSERT_TRUE(engine.set(2, naming("Top")));
  ASSERT_TRUE(engine.set(3, naming("Middle", {"Top"})));
  ASSERT_TRUE(engine.set(4, naming("Base", {"Middle"})));
  ASSERT_TRUE(engine.set(5, naming("Floor", {"Base", "Top"})));
  EXPECT_THAT(engine.with_dependants({2}), ElementsAre(2, 3, 4, 5));
  // Another takes the name over that they refer to.
  ASSERT_TRUE(engine.set(3, naming("Elsewhere", {"Top"})));
  ASSERT_TRUE(engine.remove(2));
  ASSERT_TRUE(engine.set(9, naming("Low")));
  ASSERT_TRUE(engine.set(8, naming("Middle", {"Low"})));
  EXPECT_THAT(engine.with_dependants({9}), ElementsAre(9, 8, 4, 5));
  ASSERT_TRUE(engine.set(7, naming("Top", {"Elsewhere9"})));
  ASSERT_TRUE(engine.set(6, naming("Elsewhere9", {"Low"})));
  EXPECT_TRUE(in_order(6, 7));
  EXPECT_TRUE(in_order(7, 5));
  EXPECT_TRUE(in_order(7, 3));
}

}  // namespace
}  // namespace postern::posture
