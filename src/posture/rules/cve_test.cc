#include <gmock/gmock.h>

#include "posture/rules/rule_lab.h"

namespace postern::posture {
namespace cve_rule {
namespace {

using namespace testing;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using enum Verdict;
using List = std::vector<std::string>;

TEST(Cve, OpenByAnyAndByAll) {
  const List both{"CVE-2024-3094", "CVE-2021-44228"};
  const auto any = make("cve", {{"cves", both}});
  const auto all = make("cve", {{"cves", both}, {"match", "all"}});
  EXPECT_THAT(any->keys(), ElementsAre("ems.vuln_cve:CVE-2024-3094", "ems.vuln_cve:CVE-2021-44228"));
  const auto facts = [&](Fact first, Fact second) {
    return FactMap{{any->keys()[0], std::move(first)}, {any->keys()[1], std::move(second)}};
  };
  const Fact yes = known(true), no = known(false), stale = unknown(UnknownReason::kStale);
  expect(*any, facts(yes, no), kMatch, "cve_open");
  expect(*any, facts(no, no), kNoMatch, "cve_not_open");
  expect(*any, facts(no, stale), kUnknown, "stale");
  expect(*any, facts(yes, stale), kMatch, "cve_open");
  expect(*all, facts(yes, yes), kMatch, "cve_open");
  expect(*all, facts(yes, no), kNoMatch, "cve_not_open");
  expect(*all, facts(no, stale), kNoMatch, "cve_not_open");
  expect(*all, facts(yes, stale), kUnknown, "stale");
  expect_unknowns(*any, facts(no, no), any->keys()[1], text("open"));
  ASSERT_NE(any->parts(), nullptr);
  EXPECT_EQ(any->describe(), "CVE-2024-3094 or CVE-2021-44228 is open");
  EXPECT_EQ(all->describe(), "CVE-2024-3094 and CVE-2021-44228 are open");
}

TEST(Cve, OnlyNumbersThatMitreGives) {
  for (const char* good : {"CVE-1999-0001", "CVE-2024-1234567", "CVE-2024-1234567890123456789"}) {
    EXPECT_EQ(refusal("cve", {{"cves", List{good}}}), "") << good;
  }
  for (const char* bad : {"cve-2024-1234", "CVE-2024-123", "CVE-1998-1234", "CVE-24-1234", "CVE-2024-12a4", "CVE-2x24-1234",
                          "CVE-2024_1234", "DSA-5000-1", "CVE-2024-12345678901234567890"}) {
    EXPECT_THAT(refusal("cve", {{"cves", List{bad}}}), HasSubstr("is no CVE's number; write it as CVE-2024-12345")) << bad;
  }
  EXPECT_THAT(refusal("cve", {{"cves", List{}}}), HasSubstr("the list is empty"));
}

}  // namespace
}  // namespace cve_rule
}  // namespace postern::posture
