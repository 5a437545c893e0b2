#include <gmock/gmock.h>

#include "posture/rules/rule_lab.h"

namespace postern::posture {
namespace agent_version_rule {
namespace {

using namespace testing;
using ::testing::HasSubstr;
using enum Verdict;

TEST(AgentVersion, EachOperatorOnBothSides) {
  struct Row {
    const char* op;
    const char* wanted;
    const char* actual;
    Verdict verdict;
  };
  const Row rows[] = {{"=", "7.4", "7.4.2", kMatch},   {"=", "7.4", "7.5", kNoMatch},   {"!=", "7.4", "7.5", kMatch},
                      {"!=", "7.4", "7.4.9", kNoMatch}, {"<", "7.4.2", "7.4.1", kMatch}, {"<", "7.4.2", "7.4.2", kNoMatch},
                      {"<=", "7.4.2", "7.4.2", kMatch}, {"<=", "7.4.2", "7.4.3", kNoMatch}, {">", "7.4.2", "7.4.10", kMatch},
                      {">", "7.4.2", "7.4.2", kNoMatch}, {">=", "7.4.2", "7.4.2", kMatch}, {">=", "7.4.2", "7.4.1", kNoMatch},
                      {">=", "7.4.2", "7.4.2-rc1", kUnknown}, {">=", "7.4", "7.4.2-rc1", kMatch}, {"=", "1", "", kUnknown}};
  for (const Row& row : rows) {
    SCOPED_TRACE(std::string(row.actual) + " " + row.op + " " + row.wanted);
    const auto rule = make("agent-version", {{"op", row.op}, {"version", row.wanted}});
    expect(*rule, {{std::string(keys::kAgentVersion), text(row.actual)}}, row.verdict,
           row.verdict == kMatch     ? "agent_version_matches"
           : row.verdict == kNoMatch ? "agent_version_differs"
                                     : "version_not_comparable");
    expect_unknowns(*rule, {}, keys::kAgentVersion, known(std::int64_t{7}));
  }
  EXPECT_EQ(make("agent-version", {{"op", ">="}, {"version", "7.4.2"}})->describe(), "the agent's version is >= 7.4.2");
}

TEST(AgentVersion, Refusals) {
  EXPECT_THAT(refusal("agent-version", {{"op", ">="}}), HasSubstr("version: is missing"));
  EXPECT_THAT(refusal("agent-version", {{"version", "1"}}), HasSubstr("op: is missing; it must be one of ="));
  EXPECT_THAT(refusal("agent-version", {{"op", "~"}, {"version", "1"}}), HasSubstr("op: \"~\" is not allowed"));
  EXPECT_THAT(refusal("agent-version", {{"op", "="}, {"version", "v1"}}), HasSubstr("version: \"v1\" must be numbers"));
}

}  // namespace
}  // namespace agent_version_rule
}  // namespace postern::posture
