#include <gtest/gtest.h>

#include "posture/rules/rule_lab.h"

namespace postern::posture {
namespace {

using namespace testing;
using enum Verdict;
using List = std::vector<std::string>;

FactMap with_openssl(const char* id, Fact versions) {
  return facts_of({{keys::kOsId, text(id)}, {"package.versions:openssl", std::move(versions)}});
}

TEST(Package, InstalledOrNot) {
  const auto rule = make("package", {{"packages", List{"openssl", "curl"}}});
  const auto facts = facts_of({{"package.versions:openssl", texts({"3"})}, {"package.versions:curl", texts({})}});
  expect(*rule, facts, kNoMatch, "package_not_installed");
  expect(*make("package", {{"packages", List{"openssl", "curl"}}, {"match", "any"}}), facts, kMatch,
         "package_installed");
  expect_unknowns(*rule, facts_of({{"package.versions:openssl", texts({"3"})}}), "package.versions:curl", text("1"));
  expect_parts_agree(*rule, facts);
  EXPECT_EQ(rule->describe(), "openssl and curl are installed");
}

TEST(Package, VersionsByTheOrderOfTheDistribution) {
  const auto rule = make("package", {{"packages", List{"openssl"}}, {"op", ">="}, {"version", "3.0.11-1~deb12u2"}});
  expect(*rule, with_openssl("debian", texts({"3.0.11-1~deb12u2"})), kMatch, "package_version_matches");
  expect(*rule, with_openssl("debian", texts({"3.0.11-1"})), kMatch, "package_version_matches");
  expect(*rule, with_openssl("debian", texts({"3.0.11-1~deb12u1"})), kNoMatch, "package_version_differs");
  expect(*rule, with_openssl("debian", texts({"1:0.1"})), kMatch, "package_version_matches");
  expect(*rule, with_openssl("debian", texts({})), kNoMatch, "package_not_installed");
  EXPECT_EQ(rule->describe(), "openssl is installed with a version >= 3.0.11-1~deb12u2");

  // Each packaging system has an order of its own.
  const auto letters = make("package", {{"packages", List{"openssl"}}, {"op", "<"}, {"version", "1.0"}});
  expect(*letters, with_openssl("debian", texts({"1.0a"})), kNoMatch, "package_version_differs");
  expect(*letters, with_openssl("alpine", texts({"1.0_rc1"})), kMatch, "package_version_matches");
  expect(*letters, with_openssl("debian", texts({"1.0_rc1"})), kUnknown, "version_not_comparable");
  expect(*letters, with_openssl("rocky", texts({"1.0~rc1"})), kMatch, "package_version_matches");
}

TEST(Package, AVersionThatTheDistributionCantHaveIsUnknown) {
  const auto rule = make("package", {{"packages", List{"openssl"}}, {"op", ">="}, {"version", "3.0_p1"}});
  expect(*rule, with_openssl("alpine", texts({"3.0_p2"})), kMatch, "package_version_matches");
  expect(*rule, with_openssl("debian", texts({"4"})), kUnknown, "version_not_comparable");
  expect(*rule, with_openssl("debian", texts({})), kNoMatch, "package_not_installed");
  expect_parts_agree(*rule, with_openssl("debian", texts({"4"})));
}

TEST(Package, TheOldestOfSeveralInstalledCounts) {
  const Fact both = texts({"2.0", "1.0"});
  const auto verdict = [&](const char* op, const char* version, Verdict wanted) {
    SCOPED_TRACE(op);
    const auto rule = make("package", {{"packages", List{"openssl"}}, {"op", op}, {"version", version}});
    expect(*rule, with_openssl("debian", both), wanted,
           wanted == kMatch ? "package_version_matches" : "package_version_differs");
  };
  verdict(">=", "1.5", kNoMatch);
  verdict("<", "1.5", kMatch);
  verdict(">", "0.9", kMatch);
  verdict("<=", "0.9", kNoMatch);
  verdict("=", "2.0", kMatch);
  verdict("!=", "2.0", kNoMatch);
}

TEST(Package, UnknownOrdersAreUnknown) {
  const Parameters parameters{{"packages", List{"openssl"}}, {"op", ">="}, {"version", "3"}};
  const auto rule = make("package", parameters);
  expect(*rule, with_openssl("plan9", texts({"4"})), kUnknown, "package_order_unknown");
  expect(*rule, with_openssl("plan9", texts({})), kNoMatch, "package_not_installed");
  expect_unknowns(*rule, with_openssl("debian", texts({"4"})), keys::kOsId, known(true));
  expect_unknowns(*rule, with_openssl("debian", texts({"4"})), "package.versions:openssl", text("4"));
  for (const char* id : {"debian", "rocky", "alpine", "plan9"}) {
    for (const Fact& fact : {texts({"4"}), texts({"2"}), texts({}), unknown(UnknownReason::kDenied)})
      expect_parts_agree(*rule, with_openssl(id, fact));
  }
  Parameters with_order = parameters;
  with_order["order"] = "rpm";
  expect(*make("package", with_order), with_openssl("plan9", texts({"4"})), kMatch, "package_version_matches");
}

TEST(Package, RefusesWhatIsNoName) {
  EXPECT_EQ(
      refusal("package", {{"packages", List{"openssl (>= 3)"}}}),
      "packages[0]: \"openssl (>= 3)\" must be a package's name alone, such as openssl; a version goes into op and "
      "version");
  EXPECT_EQ(refusal("package", {{"packages", List{"a"}}, {"op", ">"}}),
            "version: is missing; a comparison needs op and version");
  EXPECT_EQ(refusal("package", {{"packages", List{"a"}}, {"op", ">"}, {"version", "1 2"}}),
            "version: \"1 2\" must be a version as the packaging system writes it, such as 3.0.11-1~deb12u2");
  EXPECT_EQ(refusal("package", {{"packages", List{"a"}}, {"order", "rpm"}}),
            "order: rpm belongs to op and version; give them");
}

}  // namespace
}  // namespace postern::posture
