#include <gmock/gmock.h>

#include "posture/rules/rule_lab.h"

namespace postern::posture {
namespace user_rule {
namespace {

using namespace testing;
using ::testing::HasSubstr;
using enum Verdict;
using List = std::vector<std::string>;

FactMap logged_in(List list) { return {{std::string(keys::kLoggedInUsers), known(std::move(list))}}; }

TEST(User, LoggedIn) {
  const List both{"alice", "bob"};
  const auto any = make("user", {{"names", both}});
  const auto all = make("user", {{"names", both}, {"of", "logged-in"}, {"match", "all"}});
  expect(*any, logged_in({"carol", "bob"}), kMatch, "user_logged_in");
  expect(*any, logged_in({"carol"}), kNoMatch, "user_not_logged_in");
  expect(*any, logged_in({}), kNoMatch, "user_not_logged_in");
  expect(*all, logged_in({"bob"}), kNoMatch, "user_not_logged_in");
  expect(*all, logged_in({"bob", "alice"}), kMatch, "user_logged_in");
  expect_unknowns(*any, {}, keys::kLoggedInUsers, text("alice"));
  EXPECT_EQ(any->describe(), "alice or bob is logged in");
  EXPECT_EQ(all->describe(), "alice and bob are logged in");
}

TEST(User, LastToLogIn) {
  const auto rule = make("user", {{"names", List{"alice", "bob"}}, {"of", "last"}});
  const auto facts = [](const char* name) { return FactMap{{std::string(keys::kLastLoginUser), text(name)}}; };
  expect(*rule, facts("bob"), kMatch, "user_was_last");
  expect(*rule, facts("carol"), kNoMatch, "user_was_not_last");
  expect(*rule, facts(""), kNoMatch, "user_was_not_last");
  expect_unknowns(*rule, {}, keys::kLastLoginUser, known(List{"bob"}));
  EXPECT_EQ(rule->describe(), "the last user to log in is alice or bob");
}

TEST(User, CaseTellsApartOnLinuxOnly) {
  const Parameters names{{"names", List{"Alice"}}};
  const Parameters last{{"names", List{"Alice"}}, {"of", "last"}};
  const FactMap facts{{std::string(keys::kLoggedInUsers), known(List{"alice"})},
                      {std::string(keys::kLastLoginUser), text("ALICE")}};
  expect(*make("user", names), facts, kNoMatch, "user_not_logged_in");
  expect(*make("user", last), facts, kNoMatch, "user_was_not_last");
  for (const OsFamily os : {OsFamily::kWindows, OsFamily::kMacos}) {
    expect(*make("user", names, os), facts, kMatch, "user_logged_in");
    expect(*make("user", last, os), facts, kMatch, "user_was_last");
  }
}

TEST(User, Refusals) {
  EXPECT_THAT(refusal("user", {}), HasSubstr("names: is missing"));
  EXPECT_THAT(refusal("user", {{"names", List{"a"}}, {"of", "first"}}), HasSubstr("logged-in, last"));
  EXPECT_THAT(refusal("user", {{"names", List{"a"}}, {"of", "last"}, {"match", "all"}}), HasSubstr("match: belongs to"));
}

}  // namespace
}  // namespace user_rule
}  // namespace postern::posture
