// domain-joined and logged-in-domain: one shape, two facts.
#include <gmock/gmock.h>

#include "posture/rules/rule_lab.h"

namespace postern::posture {
namespace domain_joined_rule {
namespace {

using namespace testing;
using ::testing::HasSubstr;
using enum Verdict;
using List = std::vector<std::string>;

struct Row {
  const char* type;
  std::string_view key;
  const char* yes;
  const char* no;
  const char* text;
};
const Row kRows[] = {{"domain-joined", keys::kJoinedDomains, "domain_joined", "domain_not_joined",
                      "the machine is a member of example.org or LAB"},
                     {"logged-in-domain", keys::kUserDomains, "user_in_domain", "no_user_in_domain",
                      "a logged-in user belongs to example.org or LAB"}};

TEST(DomainRules, AnyAndAllInAnyCase) {
  for (const Row& row : kRows) {
    SCOPED_TRACE(row.type);
    const List both{"example.org", "LAB"};
    const auto any = make(row.type, {{"domains", both}});
    const auto all = make(row.type, {{"domains", both}, {"match", "all"}});
    const auto facts = [&](List list) { return FactMap{{std::string(row.key), known(std::move(list))}}; };
    expect(*any, facts({"EXAMPLE.ORG"}), kMatch, row.yes);
    expect(*any, facts({"example.org."}), kMatch, row.yes);
    expect(*any, facts({"x", "lab"}), kMatch, row.yes);
    expect(*any, facts({"sub.example.org", "ample.org", "example"}), kNoMatch, row.no);
    expect(*any, facts({}), kNoMatch, row.no);
    expect(*all, facts({"example.org"}), kNoMatch, row.no);
    expect(*all, facts({"lab", "example.org"}), kMatch, row.yes);
    expect_unknowns(*any, {}, row.key, text("example.org"));
    EXPECT_EQ(any->describe(), row.text);
  }
}

TEST(DomainRules, Refusals) {
  for (const Row& row : kRows) {
    for (const char* bad : {"EXAMPLE\\alice", "alice@example.org", "*.example.org", "two words", "."}) {
      EXPECT_THAT(refusal(row.type, {{"domains", List{bad}}}), HasSubstr("domains[0]: ")) << bad;
      EXPECT_THAT(refusal(row.type, {{"domains", List{bad}}}), HasSubstr("example.org or EXAMPLE")) << bad;
    }
    EXPECT_THAT(refusal(row.type, {}), HasSubstr("domains: is missing"));
    EXPECT_THAT(refusal(row.type, {{"domains", List{}}}), HasSubstr("the list is empty"));
  }
}

}  // namespace
}  // namespace domain_joined_rule
}  // namespace postern::posture
