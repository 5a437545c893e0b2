#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <iterator>

#include "vuln/debian_version.h"
#include "vuln/dpkg_status.h"
#include "vuln/inventory.h"
#include "vuln/matcher.h"
#include "vuln/osv.h"
#include "vuln/scan_report.h"

namespace postern::vuln {
namespace {

TEST(DebianVersion, OrdersAsPolicySays) {
  const char* ascending[] = {
      "0~~",      "0~",      "0",      "0+b1",       "1.0~rc1-1", "1.0-1~deb12u1", "1.0-1",
      "1.0-1+b1", "1.0-1.1", "1.0a-1", "1.0+dfsg-1", "1.0.1-1",   "1.2-1",         "1.10-1",
      "2",        "10",      "1:0.1",  "1:0.1-1",    "2:0",       "10:0~rc1"};
  for (std::size_t i = 0; i < std::size(ascending); ++i) {
    for (std::size_t j = 0; j < std::size(ascending); ++j) {
      EXPECT_EQ(compare_debian_versions(ascending[i], ascending[j]) == 0, i == j)
          << ascending[i] << " " << ascending[j];
      EXPECT_EQ(compare_debian_versions(ascending[i], ascending[j]) < 0, i < j)
          << ascending[i] << " " << ascending[j];
    }
  }
  EXPECT_TRUE(compare_debian_versions("590-2.1~deb12u2", "590-2.1") < 0);
  EXPECT_TRUE(compare_debian_versions("1.0", "0:1.0-0") == 0);
  EXPECT_TRUE(compare_debian_versions("1.001", "1.1") == 0);
}

TEST(DebianVersion, RefusesWhatIsNone) {
  for (const char* bad : {"", "1.0-", ":1", "1 0", "1_0", "-1"})
    EXPECT_FALSE(valid_debian_version(bad)) << bad;
  for (const char* good : {"1", "1:2.3-4", "2.36-9+deb12u10", "1.0~rc1"})
    EXPECT_TRUE(valid_debian_version(good)) << good;
}

Inventory sample() {
  Inventory inventory{{"debian", "12"}, {}};
  inventory.packages.push_back({"libc6", "amd64", "2.36-9+deb12u1", "glibc", "2.36-9+deb12u1"});
  inventory.packages.push_back({"less", "amd64", "590-2.1~deb12u2", "less", "590-2.1~deb12u2"});
  inventory.packages.push_back({"linux-libc-dev", "amd64", "6.1.1-1", "linux", "6.1.1-1"});
  inventory.packages.push_back(
      {"linux-image-6.1.0-9-amd64", "amd64", "6.1.1-1", "linux-signed-amd64", "6.1.1-1"});
  return inventory;
}

TEST(Inventory, HasOneTextWhateverTheOrderAndParsesOnlyThat) {
  auto inventory = sample();
  const auto text = *inventory_text(inventory);
  std::reverse(inventory.packages.begin(), inventory.packages.end());
  EXPECT_EQ(*inventory_text(inventory), text);
  const auto back = parse_inventory(text);
  ASSERT_TRUE(back) << back.error().message;
  EXPECT_EQ(*inventory_text(*back), text);
  for (std::size_t n = 0; n < text.size(); ++n) {
    if (n > 0 && text[n - 1] == '\n' && n > 30)
      continue;  // whole lines missing at the end are another inventory
    EXPECT_FALSE(parse_inventory(text.substr(0, n))) << n;
  }
  inventory.packages.push_back(inventory.packages[0]);
  EXPECT_FALSE(inventory_text(inventory));
}

TEST(DpkgStatus, TakesWhatIsOnTheDisk) {
  const auto parsed = parse_dpkg_status(
      "Package: a\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1-1\nDescription: "
      "x\n more: text\n\n"
      "Package: b\nStatus: deinstall ok config-files\nArchitecture: amd64\nVersion: 1-1\n\n"
      "Package: c\nStatus: hold ok unpacked\nArchitecture: all\nSource: src (2:3-4)\nVersion: "
      "5-6\n",
      {"debian", "12"});
  ASSERT_TRUE(parsed) << parsed.error().message;
  ASSERT_EQ(parsed->packages.size(), 2u);
  EXPECT_EQ(parsed->packages[1], (Package{"c", "all", "5-6", "src", "2:3-4"}));
  EXPECT_FALSE(parse_dpkg_status("Package: a\nStatus: install ok installed\nArchitecture: x\n\n",
                                 {"debian", "12"}));
}

TEST(Cvss, ScoresKnownVectors) {
  EXPECT_EQ(*cvss3_base_score("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"), 9.8);
  EXPECT_EQ(*cvss3_base_score("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:C/C:H/I:H/A:H"), 10.0);
  EXPECT_EQ(*cvss3_base_score("CVSS:3.0/AV:L/AC:L/PR:L/UI:N/S:U/C:H/I:H/A:H"), 7.8);
  EXPECT_EQ(*cvss3_base_score("CVSS:3.1/AV:N/AC:L/PR:N/UI:R/S:C/C:L/I:L/A:N"), 6.1);
  EXPECT_EQ(*cvss3_base_score("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:N"), 0.0);
  for (const char* bad :
       {"", "CVSS:2.0/AV:N", "CVSS:3.1/AV:N", "CVSS:3.1/AV:X/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}) {
    EXPECT_FALSE(cvss3_base_score(bad)) << bad;
  }
}

std::string record(const char* cve, const char* source, const char* fixed, const char* more = "") {
  return std::string("{\"id\":\"DEBIAN-") + cve + "\",\"upstream\":[\"" + cve + "\"]" + more +
         ",\"affected\":[{\"package\":{\"ecosystem\":\"Debian:12\",\"name\":\"" + source +
         "\"},\"ranges\":[{\"type\":\"ECOSYSTEM\",\"events\":[{\"introduced\":\"0\"},{\"fixed\":"
         "\"" +
         fixed + "\"}]}]}]}\n";
}

std::shared_ptr<const AdvisorySet> set_of(const std::string& lines) {
  FeedReader reader;
  const auto added = reader.add("test", lines);
  EXPECT_TRUE(added) << added.error().message;
  return std::make_shared<const AdvisorySet>(std::move(reader).finish());
}

TEST(Matcher, CountsDistinctVulnerabilitiesAndJudgesOnlyTheRunningKernel) {
  const auto set = set_of(
      record("CVE-2024-1", "glibc", "2.36-9+deb12u5",
             ",\"database_specific\":{\"cvss3_base\":9.1}") +
      record("CVE-2024-2", "less", "590-2.1~deb12u2") + record("CVE-2024-3", "less", "590-2.1") +
      record("CVE-2024-4", "linux", "6.1.50-1", ",\"database_specific\":{\"kev\":true}"));
  Matcher matcher(set);
  auto result = matcher.match(sample(), {});
  EXPECT_TRUE(result.covered);
  EXPECT_EQ(result.counts, (Counts{1, 0, 0, 0, 0, 1, 1}));
  EXPECT_EQ(result.kernel, KernelJudged::kNoneRunning);
  result = matcher.match(sample(), {"6.1.0-9-amd64"});
  EXPECT_EQ(result.counts, (Counts{1, 1, 0, 0, 0, 1, 1}));  // exploited counts as high
  EXPECT_EQ(result.kernel, KernelJudged::kYes);
  result = matcher.match(sample(), {"6.18.44-own"});
  EXPECT_EQ(result.counts.high, 0u);
  EXPECT_EQ(result.kernel, KernelJudged::kNotOfDistribution);
  auto other = sample();
  other.distro.version = "13";
  EXPECT_FALSE(matcher.match(other, {}).covered);
}

TEST(Osv, SeverityFollowsVendorThenScoreAndNeverInventsOne) {
  const auto set = set_of(record("CVE-1-1", "a", "2") +
                          record("CVE-1-2", "a", "2", ",\"database_specific\":{\"cvss3_base\":5}"));
  EXPECT_EQ(set->of("Debian:12", "a").at(0).effective, Severity::kUnknown);
  EXPECT_EQ(set->of("Debian:12", "a").at(1).effective, Severity::kMedium);
}

TEST(Osv, BrokenFeedsAreRefusedWholeAndNamed) {
  FeedReader reader;
  const auto result = reader.add("f", record("CVE-1-1", "a", "2") + "{\"id\":\n");
  ASSERT_FALSE(result);
  EXPECT_NE(result.error().message.find("line 2"), std::string::npos) << result.error().message;
  EXPECT_FALSE(reader.add("f", record("CVE-1-1", "a", "not a version")));
  EXPECT_FALSE(reader.add("f", "PK\x03\x04 nonsense"));
  EXPECT_FALSE(reader.add("f", "\x1f\x8b nonsense"));
  EXPECT_EQ(std::move(reader).finish().size(), 0u);
}

TEST(Osv, TheBundledSampleReadsWhole) {
  std::ifstream in(POSTERN_SOURCE_DIR "/data/osv-debian-12-sample.jsonl.gz", std::ios::binary);
  const std::string bytes((std::istreambuf_iterator<char>(in)), {});
  FeedReader reader;
  const auto report = reader.add("sample", bytes);
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_GT(report->records, 5000u);
  EXPECT_EQ(report->invalid, 0u);
  EXPECT_TRUE(std::move(reader).finish().covers("Debian:12"));
}

}  // namespace
}  // namespace postern::vuln
