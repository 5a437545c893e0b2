#include <gmock/gmock.h>

#include "posture/rules/rule_lab.h"

namespace postern::posture {
namespace ad_groups_rule {
namespace {

using namespace testing;
using ::testing::HasSubstr;
using enum Verdict;
using List = std::vector<std::string>;

FactMap groups(List list) { return {{std::string(keys::kUserGroups), known(std::move(list))}}; }

TEST(AdGroups, FormsOfAName) {
  struct Row {
    const char* wanted;
    const char* told;
    Verdict verdict;
  };
  const Row rows[] = {{"Domain Admins", "domain admins", kMatch},
                      {"admins", "EXAMPLE\\admins", kMatch},
                      {"admins", "admins@example.org", kMatch},
                      {"admins", "admins2", kNoMatch},
                      {"EXAMPLE\\admins", "example\\Admins", kMatch},
                      {"EXAMPLE\\admins", "OTHER\\admins", kNoMatch},
                      {"EXAMPLE\\admins", "EXAMPLE\\users", kNoMatch},
                      {"admins@example.org", "admins@EXAMPLE.ORG", kMatch},
                      {"admins@example.org", "example.org\\admins", kMatch},
                      {"admins@example.org", "admins@example.net", kNoMatch},
                      // Nothing says which domain it is: neither granted nor spared.
                      {"EXAMPLE\\admins", "admins", kUnknown},
                      {"EXAMPLE\\admins", "admins@example.org", kUnknown},
                      {"admins@example.org", "EXAMPLE\\admins", kUnknown},
                      {"EXAMPLE\\admins", "users", kNoMatch}};
  for (const Row& row : rows) {
    SCOPED_TRACE(std::string(row.wanted) + " of " + row.told);
    const char* reason = row.verdict == kMatch     ? "group_member"
                         : row.verdict == kNoMatch ? "not_group_member"
                                                   : "group_domain_unclear";
    expect(*make("ad-groups", {{"groups", List{row.wanted}}}), groups({"other", row.told}), row.verdict, reason);
  }
}

TEST(AdGroups, AnyAndAll) {
  const List both{"a", "D\\b"};
  const auto any = make("ad-groups", {{"groups", both}});
  const auto all = make("ad-groups", {{"groups", both}, {"match", "all"}});
  expect(*any, groups({"a"}), kMatch, "group_member");
  expect(*all, groups({"a"}), kNoMatch, "not_group_member");
  expect(*all, groups({"a", "d\\B"}), kMatch, "group_member");
  expect(*all, groups({"a", "b"}), kUnknown, "group_domain_unclear");
  expect(*any, groups({"a", "b"}), kMatch, "group_member");
  expect(*any, groups({}), kNoMatch, "not_group_member");
  expect_unknowns(*any, {}, keys::kUserGroups, text("a"));
  EXPECT_EQ(any->describe(), "a logged-in user is a member of a or D\\b");
  EXPECT_EQ(all->describe(), "a logged-in user is a member of a and D\\b");
}

TEST(AdGroups, Refusals) {
  for (const char* bad : {"\\admins", "EXAMPLE\\", "@example.org", "admins@", "A\\b\\c"}) {
    EXPECT_THAT(refusal("ad-groups", {{"groups", List{bad}}}), HasSubstr("groups[0]: ")) << bad;
    EXPECT_THAT(refusal("ad-groups", {{"groups", List{bad}}}), HasSubstr("EXAMPLE\\admins or admins@example.org")) << bad;
  }
  EXPECT_THAT(refusal("ad-groups", {{"groups", List{}}}), HasSubstr("the list is empty"));
  EXPECT_THAT(refusal("ad-groups", {}), HasSubstr("groups: is missing"));
}

}  // namespace
}  // namespace ad_groups_rule
}  // namespace postern::posture
