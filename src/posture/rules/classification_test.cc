#include <gmock/gmock.h>

#include "posture/rules/rule_lab.h"

namespace postern::posture {
namespace classification_rule {
namespace {

using namespace testing;
using ::testing::HasSubstr;
using enum Verdict;
using List = std::vector<std::string>;

TEST(Classification, AnyAndAll) {
  const List both{"Lab", "Critical assets"};
  const auto any = make("classification", {{"tags", both}});
  const auto all = make("classification", {{"tags", both}, {"match", "all"}});
  const auto facts = [](List list) { return FactMap{{std::string(keys::kEmsClassifications), known(std::move(list))}}; };
  expect(*any, facts({"Lab"}), kMatch, "classified");
  expect(*any, facts({"lab", "Critical"}), kNoMatch, "not_classified");
  expect(*any, facts({}), kNoMatch, "not_classified");
  expect(*all, facts({"Lab"}), kNoMatch, "not_classified");
  expect(*all, facts({"Critical assets", "x", "Lab"}), kMatch, "classified");
  expect_unknowns(*any, {}, keys::kEmsClassifications, text("Lab"));
  EXPECT_EQ(any->describe(), "the endpoint is classified as Lab or Critical assets");
  EXPECT_EQ(all->describe(), "the endpoint is classified as Lab and Critical assets");
}

TEST(Classification, Refusals) {
  EXPECT_THAT(refusal("classification", {}), HasSubstr("tags: is missing"));
  EXPECT_THAT(refusal("classification", {{"tags", List{"a/b"}}}), HasSubstr("tags[0]: \"a/b\" is no tag's name; it has 1 to 63"));
}

}  // namespace
}  // namespace classification_rule
}  // namespace postern::posture
