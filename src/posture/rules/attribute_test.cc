#include "posture/attribute_name.h"

#include <gmock/gmock.h>

#include "posture/rules/rule_lab.h"

namespace postern::posture {
namespace attribute_rule {
namespace {

using namespace testing;
using ::testing::HasSubstr;
using enum Verdict;
using List = std::vector<std::string>;

FactMap mdm(Fact fact) { return {{"ems.attribute:mdm.state", std::move(fact)}}; }

TEST(Attribute, NumbersByEachOperator) {
  struct Row {
    const char* op;
    bool below, same, above;
  };
  const Row rows[] = {{"=", false, true, false}, {"!=", true, false, true},  {"<", true, false, false},
                      {"<=", true, true, false}, {">", false, false, true}, {">=", false, true, true}};
  for (const Row& row : rows) {
    SCOPED_TRACE(row.op);
    const auto rule = make("attribute", {{"name", "mdm.state"}, {"op", row.op}, {"number", std::int64_t{-5}}});
    const std::pair<std::int64_t, bool> figures[] = {{-6, row.below}, {-5, row.same}, {-4, row.above}};
    for (const auto& [figure, holds] : figures) {
      expect(*rule, mdm(known(figure)), holds ? kMatch : kNoMatch, holds ? "attribute_matches" : "attribute_differs");
    }
    expect(*rule, mdm(text("-5")), kUnknown, "attribute_of_other_type");
    EXPECT_EQ(rule->describe(), std::string("the attribute mdm.state is ") + row.op + " -5");
  }
}

TEST(Attribute, TextsAndListsByValue) {
  const auto rule = [](const char* op, const char* value) {
    return make("attribute", {{"name", "mdm.state"}, {"op", op}, {"value", value}});
  };
  expect(*rule("=", "ok"), mdm(text("ok")), kMatch, "attribute_matches");
  expect(*rule("=", "ok"), mdm(text("OK")), kNoMatch, "attribute_differs");
  expect(*rule("!=", "ok"), mdm(text("OK")), kMatch, "attribute_matches");
  expect(*rule("!=", "ok"), mdm(text("ok")), kNoMatch, "attribute_differs");
  expect(*rule("=", "true"), mdm(known(true)), kMatch, "attribute_matches");
  expect(*rule("=", "true"), mdm(known(false)), kNoMatch, "attribute_differs");
  expect(*rule("!=", "true"), mdm(known(false)), kMatch, "attribute_matches");
  expect(*rule("contains", "lab"), mdm(text("collaboration")), kMatch, "attribute_matches");
  expect(*rule("contains", "lab"), mdm(text("la b")), kNoMatch, "attribute_differs");
  expect(*rule("contains", "lab"), mdm(known(List{"x", "lab"})), kMatch, "attribute_matches");
  expect(*rule("contains", "lab"), mdm(known(List{"labs"})), kNoMatch, "attribute_differs");
  expect(*rule("=", "5"), mdm(known(std::int64_t{5})), kUnknown, "attribute_of_other_type");
  expect(*rule("contains", "t"), mdm(known(true)), kUnknown, "attribute_of_other_type");
  EXPECT_EQ(rule("=", "ok")->describe(), "the attribute mdm.state is \"ok\"");
  EXPECT_EQ(rule("!=", "ok")->describe(), "the attribute mdm.state is not \"ok\"");
  EXPECT_EQ(rule("contains", "ok")->describe(), "the attribute mdm.state contains \"ok\"");
}

TEST(Attribute, EachKindOfUnknown) {
  const auto rule = make("attribute", {{"name", "mdm.state"}, {"op", "!="}, {"value", "ok"}});
  expect(*rule, {}, kUnknown, "not_reported");
  expect(*rule, mdm(unknown(UnknownReason::kUnsupported)), kUnknown, "unsupported");
  expect(*rule, mdm(unknown(UnknownReason::kDenied)), kUnknown, "denied");
  expect(*rule, mdm(unknown(UnknownReason::kStale)), kUnknown, "stale");  // expired
  expect(*rule, mdm(unknown(UnknownReason::kFailed)), kUnknown, "failed");
}

TEST(Attribute, Names) {
  for (const char* good : {"a", "0", "score.crowdstrike", "a_b-c.d"}) EXPECT_TRUE(valid_attribute_name(good)) << good;
  for (const char* bad : {"", "A", "a b", "a:b", "ä"}) EXPECT_FALSE(valid_attribute_name(bad)) << bad;
  EXPECT_TRUE(valid_attribute_name(std::string(64, 'a')));
  EXPECT_FALSE(valid_attribute_name(std::string(65, 'a')));
}

TEST(Attribute, Refusals) {
  const auto why = [](Parameters parameters) {
    parameters.emplace("name", "a");
    return refusal("attribute", parameters);
  };
  EXPECT_THAT(refusal("attribute", {{"name", "A b"}, {"op", "="}, {"value", "x"}}),
              HasSubstr("name: \"A b\" is no attribute's name; it has 1 to 64 characters of a-z"));
  EXPECT_THAT(why({{"op", "="}}), HasSubstr("either value (a text) or number"));
  EXPECT_THAT(why({{"op", "="}, {"value", "x"}, {"number", std::int64_t{1}}}), HasSubstr("either value (a text) or number"));
  EXPECT_THAT(why({{"op", "<"}, {"value", "x"}}), HasSubstr("op: \"<\" compares numbers"));
  EXPECT_THAT(why({{"op", "contains"}, {"number", std::int64_t{1}}}), HasSubstr("op: \"contains\" looks into texts"));
  EXPECT_THAT(why({{"op", "~"}, {"value", "x"}}), HasSubstr("=, !=, <, <=, >, >=, contains"));
  EXPECT_THAT(why({{"value", "x"}}), HasSubstr("op: is missing"));
}

}  // namespace
}  // namespace attribute_rule
}  // namespace postern::posture
