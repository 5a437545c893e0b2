#include <gmock/gmock.h>

#include "posture/rules/rule_lab.h"

namespace postern::posture {
namespace user_identity_rule {
namespace {

using namespace testing;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using enum Verdict;

TEST(UserIdentity, EachWayToMatchAtEachService) {
  struct Row {
    const char* how;
    const char* wanted;
    const char* account;
    bool same;
  };
  const Row rows[] = {{"simple", "alice@example.org", "Alice@Example.org", true},
                      {"simple", "alice@example.org", "alice@example.org2", false},
                      {"simple", "a*", "alice", false},
                      {"simple", "alice", "", false},
                      {"wildcard", "*@example.org", "alice@EXAMPLE.org", true},
                      {"wildcard", "*@example.org", "alice@example.orgs", false},
                      {"wildcard", "*", "", false},  // no account is none that matches
                      {"regex", "(alice|bob)@example\\.org", "BOB@example.org", true},
                      {"regex", "(alice|bob)@example\\.org", "xbob@example.org", false},
                      {"regex", ".*", "", false}};
  for (const char* service : {"Google", "LinkedIn", "Salesforce", "Custom"}) {
    for (const Row& row : rows) {
      SCOPED_TRACE(std::string(row.how) + " " + row.wanted + " " + row.account);
      const auto rule = make("user-identity", {{"service", service}, {"account", row.wanted}, {"match_type", row.how}});
      const std::string key = std::string("user.identity:") + service;
      EXPECT_THAT(rule->keys(), ElementsAre(key));
      expect(*rule, {{key, text(row.account)}}, row.same ? kMatch : kNoMatch,
             row.same ? "identity_matches" : "identity_differs");
      expect_unknowns(*rule, {}, key, known(true));
    }
  }
}

TEST(UserIdentity, SimpleIfNotSaidAndInWords) {
  const auto rule = make("user-identity", {{"service", "Google"}, {"account", "a*@example.org"}});
  expect(*rule, {{"user.identity:Google", text("a*@example.org")}}, kMatch, "identity_matches");
  expect(*rule, {{"user.identity:Google", text("alice@example.org")}}, kNoMatch, "identity_differs");
  EXPECT_EQ(rule->describe(), "the user's Google account is a*@example.org");
  EXPECT_EQ(make("user-identity", {{"service", "Custom"}, {"account", "a*"}, {"match_type", "wildcard"}})->describe(),
            "the user's own account matches a*");
}

TEST(UserIdentity, Refusals) {
  EXPECT_THAT(refusal("user-identity", {{"service", "GitHub"}, {"account", "a"}}),
              HasSubstr("service: \"GitHub\" is not allowed; it must be one of Google, LinkedIn, Salesforce, Custom"));
  EXPECT_THAT(refusal("user-identity", {{"service", "Google"}}), HasSubstr("account: is missing"));
  EXPECT_THAT(refusal("user-identity", {{"service", "Google"}, {"account", "a"}, {"match_type", "glob"}}),
              HasSubstr("simple, regex, wildcard"));
  EXPECT_THAT(refusal("user-identity", {{"service", "Google"}, {"account", "a("}, {"match_type", "regex"}}),
              HasSubstr("account: "));
  // One that would need more memory than it may is refused, not compiled.
  EXPECT_THAT(refusal("user-identity", {{"service", "Google"}, {"account", "((a{100}){100}){100}"}, {"match_type", "regex"}}),
              HasSubstr("account: "));
}

}  // namespace
}  // namespace user_identity_rule
}  // namespace postern::posture
