// Every rule that compares versions or values: what lies below, at and above what is written, by each operator.
#include "posture/rules/comparing.h"

#include <gtest/gtest.h>

#include "posture/rules/rule_lab.h"

namespace postern::posture {
namespace comparing_rule {
namespace {

using namespace testing;
using enum Verdict;
using List = std::vector<std::string>;

/// A rule without its operator, and facts that lie on each side of what it asks for.
struct Row {
  const char* name;
  const char* type;
  OsFamily os;
  const char* op;  ///< The parameter's name.
  Parameters parameters;
  FactMap below, at, above, not_comparable;
};

std::vector<Row> rows() {
  const auto one = [](std::string_view key, Fact fact) { return facts_of({{key, std::move(fact)}}); };
  const auto runs = [&](const char* version) { return one("process.versions:x", texts({version})); };
  const auto kernel = [&](const char* release) { return one(keys::kKernelRelease, text(release)); };
  const auto os = [](const char* version) {
    return facts_of(
        {{keys::kOsId, text("debian")}, {keys::kOsName, text("Debian")}, {keys::kOsVersionId, text(version)}});
  };
  const auto package = [](const char* id, const char* version) {
    return facts_of({{keys::kOsId, text(id)}, {"package.versions:x", texts({version})}});
  };
  const auto value = [](Fact fact) {
    return facts_of({{"registry.exists:HKEY_LOCAL_MACHINE\\S\\v", known(true)},
                     {"registry.value:HKEY_LOCAL_MACHINE\\S\\v", std::move(fact)}});
  };
  const auto number = [](std::int64_t n) { return known(n); };
  const Parameters program{{"name", "x"}, {"version", "5.10"}}, version{{"version", "5.10"}};
  const auto packages = [](const char* wanted) { return Parameters{{"packages", List{"x"}}, {"version", wanted}}; };
  const auto ordered = [&](const char* order, const char* wanted) {
    Parameters out = packages(wanted);
    out["order"] = order;
    return out;
  };
  const Parameters dword{{"path", "HKLM\\S\\v"}, {"value", "31"}, {"is_dword", true}};
  const Parameters words{{"path", "HKLM\\S\\v"}, {"value", "5.10"}};
  using enum OsFamily;
  return {
      {"agent", "agent-version", kLinux, "op", version, one(keys::kAgentVersion, text("5.9")),
       one(keys::kAgentVersion, text("5.10")), one(keys::kAgentVersion, text("5.11")),
       one(keys::kAgentVersion, text("v5"))},
      {"program", "application", kLinux, "op", program, runs("5.9"), runs("5.10"), runs("5.11"), runs("nightly")},
      {"kernel", "kernel-version", kLinux, "op", version, kernel("5.9-x"), kernel("5.10-x"), kernel("5.11-x"),
       kernel("x")},
      {"system",
       "os-version",
       kLinux,
       "op",
       {{"family", "debian"}, {"version", "5.10"}},
       os("5.9"),
       os("5.10"),
       os("5.11"),
       os("sid")},
      // A tilde comes before the end of a version for dpkg and rpm; apk knows none, but suffixes such as _rc.
      {"Debian's packages", "package", kLinux, "op", packages("2.0-1"), package("debian", "2.0~rc1-1"),
       package("debian", "2.0-1"), package("debian", "1:0.1-1"), package("debian", "2_0")},
      {"Rocky's packages", "package", kLinux, "op", packages("2.0-1"), package("rocky", "2.0~rc1-1"),
       package("rocky", "2.0-1"), package("rocky", "1:0.1-1"), package("plan9", "2.0-1")},
      {"Alpine's packages", "package", kLinux, "op", packages("2.0-r1"), package("alpine", "2.0_rc1-r1"),
       package("alpine", "2.0-r1"), package("alpine", "2.0.1-r0"), package("alpine", "")},
      {"dpkg's order", "package", kLinux, "op", ordered("dpkg", "2.0-1"), package("plan9", "2.0~rc1-1"),
       package("plan9", "2.0-1"), package("plan9", "1:0.1-1"), package("plan9", "2_0")},
      {"rpm's order", "package", kLinux, "op", ordered("rpm", "2.0-1"), package("plan9", "2.0~rc1-1"),
       package("plan9", "2.0-1"), package("plan9", "1:0.1-1"), package("plan9", "")},
      {"apk's order", "package", kLinux, "op", ordered("apk", "2.0-r1"), package("plan9", "2.0_rc1-r1"),
       package("plan9", "2.0-r1"), package("plan9", "2.0.1-r0"), package("plan9", "")},
      {"DWORDs", "registry-key", kWindows, "comparator", dword, value(number(30)), value(number(31)), value(number(32)),
       value(text("31"))},
      {"texts", "registry-key", kWindows, "comparator", words, value(text("5.9")), value(text("5.10")),
       value(text("5.11")), value(number(5))},
  };
}

TEST(ComparingRules, EachOperatorBelowAtAndAbove) {
  struct Operator {
    const char* op;
    Verdict below, at, above;
  };
  const Operator operators[] = {{"=", kNoMatch, kMatch, kNoMatch}, {"!=", kMatch, kNoMatch, kMatch},
                                {"<", kMatch, kNoMatch, kNoMatch}, {"<=", kMatch, kMatch, kNoMatch},
                                {">", kNoMatch, kNoMatch, kMatch}, {">=", kNoMatch, kMatch, kMatch}};
  ASSERT_EQ(std::size(operators), rules::kComparisons.size());
  for (const Row& row : rows()) {
    for (const Operator& one : operators) {
      SCOPED_TRACE(std::string(row.name) + " " + one.op);
      Parameters parameters = row.parameters;
      parameters[row.op] = one.op;
      const auto rule = make(row.type, parameters, row.os);
      expect_verdict(*rule, row.below, one.below);
      expect_verdict(*rule, row.at, one.at);
      expect_verdict(*rule, row.above, one.above);
      expect_verdict(*rule, row.not_comparable, kUnknown);
      expect_verdict(*rule, {}, kUnknown);
    }
  }
}

}  // namespace
}  // namespace comparing_rule
}  // namespace postern::posture
