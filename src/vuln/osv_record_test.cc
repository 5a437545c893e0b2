#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "vuln/osv.h"
#include "vuln/test_records.h"

namespace postern::vuln {
namespace {

constexpr const char* kToTwo = R"({"introduced":"0"},{"fixed":"2"})";

struct Read {
  std::vector<AdvisorySet::Entry> entries;
  FeedReport report;
};

Read read(const std::string& text) {
  Read out;
  const auto status = parse_osv_record(text, {}, out.entries, out.report);
  EXPECT_TRUE(status) << status.error().message;
  return out;
}

std::vector<std::string> cves(const std::string& text) {
  std::vector<std::string> out;
  for (const auto& e : read(text).entries) out.push_back(e.advisory.cve);
  return out;
}

using Names = std::vector<std::string>;

TEST(OsvRecord, IsAboutTheCveOfItsId) {
  EXPECT_EQ(cves(record("CVE-2024-3094", affected("a", kToTwo))), Names{"CVE-2024-3094"});
  EXPECT_EQ(cves(record("DEBIAN-CVE-2024-3094", affected("a", kToTwo),
                        R"(,"upstream":["CVE-2024-3094"],"aliases":["CVE-2024-9999"])")),
            Names{"CVE-2024-3094"});
}

TEST(OsvRecord, OrAboutEachCveItIsAnAliasOf) {
  EXPECT_EQ(cves(record("DSA-5000-1", affected("a", kToTwo),
                        R"(,"aliases":["CVE-2024-0002","GHSA-x"],"upstream":["CVE-2024-0001","CVE-2024-0002"])")),
            (Names{"CVE-2024-0001", "CVE-2024-0002"}));
  EXPECT_EQ(cves(record("DSA-4000-1", affected("a", kToTwo), R"(,"related":["CVE-2020-0001"])")),
            Names{"CVE-2020-0001"});
}

TEST(OsvRecord, OrAboutItselfWhereNoCveIsNamed) {
  EXPECT_EQ(cves(record("DLA-1-1", affected("a", kToTwo))), Names{"DLA-1-1"});
  EXPECT_EQ(cves(record("GHSA-1", affected("a", kToTwo), R"(,"related":["CVE-2020-0001"])")),
            Names{"GHSA-1"});
  EXPECT_EQ(cves(record("X-CVE-20-1", affected("a", kToTwo))), Names{"X-CVE-20-1"});
  EXPECT_EQ(cves(record("XCVE-2020-0001", affected("a", kToTwo))), Names{"XCVE-2020-0001"});
}

TEST(OsvRecord, WithdrawnIsCountedAndNotTaken) {
  const auto out = read(record("CVE-2024-0001", affected("a", kToTwo),
                               R"(,"withdrawn":"2024-01-01T00:00:00Z")"));
  EXPECT_TRUE(out.entries.empty());
  EXPECT_EQ(out.report.records, 1u);
  EXPECT_EQ(out.report.withdrawn, 1u);
}

TEST(OsvRecord, OtherEcosystemsAreForeign) {
  for (const char* other : {"Alpine", "Debian", "Debian:", "PyPI", "Ubuntu:Pro:22.04:LTS"}) {
    const auto out =
        read(record("CVE-2024-0001", std::string(R"({"package":{"ecosystem":")") + other +
                                         R"(","name":"a"},"ranges":[{"type":"SEMVER","events":[]}]},)" +
                                         affected("b", kToTwo)));
    EXPECT_EQ(out.report.foreign, 1u) << other;
    ASSERT_EQ(out.entries.size(), 1u) << other;
    EXPECT_EQ(out.entries[0].source, "b");
  }
}

TEST(OsvRecord, VersionsGoByTheOrderOfTheirEcosystem) {
  const auto in = [](std::string_view ecosystem, std::string_view fixed) {
    return std::string(R"({"package":{"ecosystem":")").append(ecosystem).append(
        R"(","name":"a"},"ranges":[{"type":"ECOSYSTEM","events":[{"introduced":"0"},{"fixed":")").append(fixed).append(
        R"("}]}],"versions":["1.1_rc1-r0"]})");
  };
  const auto alpine = read(record("CVE-2024-0001", in("Alpine:v3.19", "1.1-r0")));
  ASSERT_EQ(alpine.entries.size(), 1u);
  EXPECT_EQ(alpine.entries[0].ecosystem, "Alpine:v3.19");
  std::string_view fixed;
  EXPECT_TRUE(affects(*alpine.entries[0].advisory.affected, "1.1_rc2-r9", fixed));
  EXPECT_FALSE(affects(*alpine.entries[0].advisory.affected, "1.1_p1-r0", fixed));
  const auto red_hat = read(record("CVE-2024-0001", in("Red Hat:enterprise_linux:9::appstream", "1:1.0^git2-1.el9")));
  ASSERT_EQ(red_hat.entries.size(), 1u);
  EXPECT_EQ(red_hat.entries[0].ecosystem, "Red Hat:enterprise_linux:9");
  EXPECT_TRUE(affects(*red_hat.entries[0].advisory.affected, "1:1.0^git1-1.el9", fixed));
  EXPECT_FALSE(affects(*red_hat.entries[0].advisory.affected, "1:1.0.1-1.el9", fixed));
}

TEST(OsvRecord, VersionsOutsideTheRangesAreKept) {
  const auto out = read(
      record("CVE-2024-0001", affected("a", kToTwo, R"(,"versions":["1.0-1","1.5","3.0-1","3.0-1"])")));
  ASSERT_EQ(out.entries.size(), 1u);
  const auto& v = *out.entries[0].advisory.affected;
  EXPECT_EQ(v.versions, std::vector<std::string>{"3.0-1"});
  std::string_view fixed;
  EXPECT_TRUE(affects(v, "1.0-1", fixed));
  EXPECT_EQ(fixed, "2");
  EXPECT_TRUE(affects(v, "0:3.0-1", fixed));
  EXPECT_EQ(fixed, "");
  EXPECT_FALSE(affects(v, "2", fixed));
  EXPECT_FALSE(affects(v, "3.0-2", fixed));
}

TEST(OsvRecord, VersionsAloneAreEnoughAndCommitsAreNot) {
  const auto package = std::string(R"({"package":{"ecosystem":"Debian:12","name":"a"})");
  const auto out = read(record("CVE-2024-0001", package + R"(,"versions":["1"]})"));
  ASSERT_EQ(out.entries.size(), 1u);
  std::string_view fixed;
  EXPECT_TRUE(affects(*out.entries[0].advisory.affected, "1", fixed));
  EXPECT_FALSE(affects(*out.entries[0].advisory.affected, "0", fixed));
  Read none;
  EXPECT_FALSE(parse_osv_record(
      record("CVE-2024-0001", package + R"(,"ranges":[{"type":"GIT","events":[{"introduced":"0"}]}]})"),
      {}, none.entries, none.report));
}

TEST(OsvRecord, LastAffectedIsAffectedStill) {
  const auto out = read(
      record("CVE-2024-0001", affected("a", R"({"last_affected":"2-1"},{"introduced":"1"})")));
  ASSERT_EQ(out.entries.size(), 1u);
  const auto& v = *out.entries[0].advisory.affected;
  std::string_view fixed;
  EXPECT_FALSE(affects(v, "1~", fixed));
  EXPECT_TRUE(affects(v, "1", fixed));
  EXPECT_TRUE(affects(v, "2-1", fixed));
  EXPECT_FALSE(affects(v, "2-1+deb12u1", fixed));
}

struct Judged {
  Severity vendor, cvss;
  bool kev;
  friend bool operator==(const Judged&, const Judged&) = default;
};

Judged judged(std::string_view of_record, std::string_view of_affected = "") {
  const auto out = read(record("CVE-2024-0001", affected("a", kToTwo, of_affected), of_record));
  const auto& a = out.entries.at(0).advisory;
  return {a.judgement.vendor, severity_of_cvss_tenths(a.judgement.cvss_tenths), a.judgement.kev};
}

TEST(OsvRecord, SeverityFromVectorUrgencyAndCatalogue) {
  using enum Severity;
  EXPECT_EQ(judged(""), (Judged{kUnknown, kUnknown, false}));
  EXPECT_EQ(judged(R"(,"severity":[{"type":"CVSS_V3","score":"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}])"),
            (Judged{kUnknown, kCritical, false}));
  EXPECT_EQ(judged(R"(,"database_specific":{"urgency":"low**","cvss3_base":9.1,"kev":true})"),
            (Judged{kLow, kCritical, true}));
  EXPECT_EQ(judged("", R"(,"ecosystem_specific":{"urgency":"not yet assigned"})"),
            (Judged{kUnknown, kUnknown, false}));
  EXPECT_EQ(judged("", R"(,"ecosystem_specific":{"urgency":"unimportant"})"),
            (Judged{kInfo, kUnknown, false}));
  // What is said of the package goes before what is said of the record.
  EXPECT_EQ(judged(R"(,"database_specific":{"urgency":"high","cvss3_base":9})",
                   R"(,"database_specific":{"urgency":"low","cvss3_base":5})"),
            (Judged{kLow, kMedium, false}));
}

TEST(OsvRecord, TheDataIsAsOldAsTheLatestChange) {
  FeedReport report;
  std::vector<AdvisorySet::Entry> entries;
  for (const char* modified : {"2026-05-01T00:00:00Z", "2026-05-27T08:00:00.5Z", "2024-01-01T00:00:00Z"}) {
    const auto more = std::string(R"(,"modified":")") + modified + R"(")";
    ASSERT_TRUE(parse_osv_record(record("CVE-2024-0001", affected("a", kToTwo), more), {}, entries, report));
  }
  EXPECT_EQ(report.data_date, "2026-05-27T08:00:00.5Z");
}

TEST(OsvRecord, ASeverityThatCannotBeReadIsUnknownAndTheRecordStays) {
  const Judged unknown{Severity::kUnknown, Severity::kUnknown, false};
  EXPECT_EQ(judged(R"(,"severity":[{"type":"CVSS_V3","score":"CVSS:3.1/AV:N"}])"), unknown);
  EXPECT_EQ(judged(R"(,"severity":[{"type":"CVSS_V4","score":"CVSS:4.0/AV:N"}])"), unknown);
  EXPECT_EQ(judged(R"(,"severity":[{"type":"Ubuntu","score":"medium"}])"), unknown);
}

TEST(OsvRecord, WhatIsNoRecordIsRefusedAndSaysWhy) {
  const struct {
    std::string text;
    const char* says;
  } cases[] = {
      {"[]", "not a JSON object"},
      {"{}", "no \"id\""},
      {R"({"id":7})", "no \"id\""},
      {R"({"id":"a b"})", "no \"id\""},
      {R"({"id":"A","schema_version":"2.0"})", "schema_version"},
      {R"({"id":"A","affected":{}})", "\"affected\""},
      {R"({"id":"A","affected":[1]})", "\"affected\""},
      {R"({"id":"A","withdrawn":true})", "\"withdrawn\""},
      {R"({"id":"A","withdrawn":"never"})", "\"withdrawn\" is no time"},
      {R"({"id":"A","withdrawn":""})", "\"withdrawn\" is no time"},
      {R"({"id":"A","affected":null})", "\"affected\" is null"},
      {R"({"id":"A","affected":[{"package":{"name":"a"}}]})", "ecosystem or name"},
      {record("A", affected("a b", kToTwo)), "name"},
      {record("A", affected("a", R"({"introduced":"0","fixed":"2"})")), "event"},
      {record("A", affected("a", R"({"sometime":"0"})")), "event"},
      {record("A", affected("a", R"({"introduced":"0"},{"fixed":"1_0"})")), "dpkg version"},
      {record("A", affected("a", kToTwo, R"(,"versions":["1_0"])")), "\"versions\""},
      {record("A", affected("a", kToTwo), R"(,"aliases":[1])"), "\"aliases\""},
      {record("A", affected("a", kToTwo), R"(,"severity":[{"type":"CVSS_V3"}])"), "score"},
      {record("A", affected("a", kToTwo), R"(,"database_specific":{"kev":"yes"})"), "\"kev\""},
      {record("A", affected("a", kToTwo), R"(,"database_specific":{"cvss3_base":11})"), "cvss3_base"},
      {R"({"id":"A","x":)" + std::string(64, '[') + std::string(64, ']') + "}", "deeper"},
  };
  for (const auto& c : cases) {
    Read out;
    const auto status = parse_osv_record(c.text, {}, out.entries, out.report);
    ASSERT_FALSE(status) << c.text;
    EXPECT_EQ(status.error().code, ErrorCode::kInvalidArgument) << c.text;
    EXPECT_NE(status.error().message.find(c.says), std::string::npos) << status.error().message;
    EXPECT_TRUE(out.entries.empty());
    EXPECT_EQ(out.report.records, 0u);
  }
}

TEST(OsvRecord, TheBeginningOfOneIsDamage) {
  for (const char* text : {"", "{", R"({"id":"A","affected":[{"pack)"}) {
    Read out;
    const auto status = parse_osv_record(text, {}, out.entries, out.report);
    ASSERT_FALSE(status) << text;
    EXPECT_EQ(status.error().code, ErrorCode::kDataLoss) << text;
    EXPECT_EQ(status.error().message, "not a JSON document: it ends too early");
  }
}

TEST(OsvRecord, WhatIsNoJsonIsDamage) {
  Read out;
  const auto status = parse_osv_record("}", {}, out.entries, out.report);
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, ErrorCode::kDataLoss);
  EXPECT_TRUE(status.error().message.starts_with("not a JSON document: ")) << status.error().message;
}

TEST(OsvRecord, RowsAreBounded) {
  FeedLimits limits;
  limits.rows_per_record = 3;
  Read out;
  const auto text = record("DSA-1-1", affected("a", kToTwo) + "," + affected("b", kToTwo),
                           R"(,"upstream":["CVE-2024-0001","CVE-2024-0002"])");
  const auto status = parse_osv_record(text, limits, out.entries, out.report);
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, ErrorCode::kResourceExhausted);
  EXPECT_TRUE(out.entries.empty());
}

}  // namespace
}  // namespace postern::vuln
