// The two rules that are one boolean of the EMS.
#include <gmock/gmock.h>

#include "posture/rules/rule_lab.h"

namespace postern::posture {
namespace on_fabric_status_rule {
namespace {

using namespace testing;
using ::testing::HasSubstr;
using enum Verdict;

struct Row {
  const char* type;
  std::string_view key;
  const char* yes;
  const char* no;
  const char* text;
};
const Row kRows[] = {{"on-fabric-status", keys::kEmsOnFabric, "on_fabric", "off_fabric", "the endpoint is on-fabric"},
                     {"quarantined", keys::kEmsQuarantined, "quarantined", "not_quarantined", "the endpoint is in quarantine"}};

TEST(EmsFlags, BothWaysAndUnknown) {
  for (const Row& row : kRows) {
    for (const OsFamily os : kAllOsFamilies) {
      const auto rule = make(row.type, {}, os);
      expect(*rule, {{std::string(row.key), known(true)}}, kMatch, row.yes);
      expect(*rule, {{std::string(row.key), known(false)}}, kNoMatch, row.no);
      expect_unknowns(*rule, {}, row.key, text("yes"));
      EXPECT_EQ(rule->describe(), row.text);
    }
    EXPECT_THAT(refusal(row.type, {{"x", true}}), HasSubstr("there is no such parameter; this rule type takes none"));
  }
}

}  // namespace
}  // namespace on_fabric_status_rule
}  // namespace postern::posture
