#include "vuln/matcher.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "vuln/test_records.h"

namespace postern::vuln {
namespace {

Package binary(std::string name, std::string source, std::string version) {
  return {std::move(name), "amd64", version, std::move(source), version};
}

Inventory debian12(std::vector<Package> packages) { return {{"debian", "12"}, std::move(packages)}; }

MatchResult match(std::string_view lines, const Inventory& inventory, std::string release = "") {
  return Matcher(set_of(lines)).match(inventory, {std::move(release)});
}

constexpr const char* kScore9 = R"(,"database_specific":{"cvss3_base":9.1})";
constexpr const char* kScore5 = R"(,"database_specific":{"cvss3_base":5})";

TEST(Matcher, ComparesTheSourcesVersionNotTheBinarys) {
  // A rebuild (+b1) sorts after a stable update of the source it was built from.
  const auto lines = fixed_in("CVE-2024-0001", "libssh2", "1.10.0-3+b0") +
                     fixed_in("CVE-2024-0002", "gcc-defaults", "1.204") +
                     fixed_in("CVE-2024-0003", "gcc", "99") + fixed_in("CVE-2024-0004", "libssh2-1", "99");
  const auto result =
      match(lines, debian12({{"libssh2-1", "amd64", "1.10.0-3+b1", "libssh2", "1.10.0-3"},
                             {"gcc", "amd64", "4:12.2.0-3", "gcc-defaults", "1.203"}}));
  ASSERT_EQ(result.findings.size(), 2u);
  EXPECT_EQ(result.findings[0], (Finding{"CVE-2024-0001", "libssh2", "libssh2-1", "1.10.0-3+b1",
                                         "1.10.0-3", "1.10.0-3+b0", Severity::kUnknown, {}, {}}));
  EXPECT_EQ(result.findings[1].cve, "CVE-2024-0002");
  EXPECT_EQ(result.findings[1].package, "gcc");
}

TEST(Matcher, EpochsAndTildes) {
  const auto lines = fixed_in("CVE-2024-0001", "openssh", "1:9.2p1-2+deb12u3") +
                     fixed_in("CVE-2024-0002", "less", "590-2.1~deb12u2");
  EXPECT_EQ(match(lines, debian12({binary("ssh", "openssh", "1:9.2p1-2+deb12u2"),
                                   binary("less", "less", "590-2.1~deb12u1")}))
                .counts.unknown,
            2u);
  EXPECT_EQ(match(lines, debian12({binary("ssh", "openssh", "1:9.2p1-2+deb12u3"),
                                   binary("less", "less", "590-2.1")}))
                .counts,
            Counts{});
}

TEST(Matcher, WhatIsNoVersionIsSaidWhereAdvisoriesSpeakOfIt) {
  const auto lines = fixed_in("CVE-2024-0001", "expat", "9") + fixed_in("CVE-2024-0002", "zlib", "9");
  const auto result = match(lines, debian12({binary("libexpat1", "expat", "!"), binary("zlib1g", "zlib", "1")}));
  EXPECT_EQ(result.unjudged, "expat: its version ! is none of its distribution");
  EXPECT_EQ(result.findings.size(), 1u);
  // Of what nobody speaks, nothing is open whatever its version.
  EXPECT_EQ(match(lines, debian12({binary("own", "own", "!"), binary("zlib1g", "zlib", "1")})).unjudged, "");
}

TEST(Matcher, ASourceWhoseRecordCannotBeUnderstoodIsSaid) {
  std::vector<AdvisorySet::Entry> entries;
  FeedReport report;
  ASSERT_TRUE(parse_osv_record(fixed_in("CVE-2024-0001", "zlib", "9"), {}, entries, report));
  for (auto& entry : unread_osv_record(fixed_in("CVE-2024-0002", "expat", "1_0"), {})) entries.push_back(entry);
  const auto set = std::make_shared<const AdvisorySet>(AdvisorySet::build(std::move(entries)));
  const auto zlib = binary("zlib1g", "zlib", "1"), expat = binary("libexpat1", "expat", "1");
  EXPECT_EQ(Matcher(set).match(debian12({zlib}), {}).unjudged, "");
  EXPECT_EQ(Matcher(set).match(debian12({expat, zlib}), {}).unjudged,
            "expat: the record DEBIAN-CVE-2024-0002 about it can't be understood");
}

TEST(Matcher, CountsEachVulnerabilityOnceAtItsHighest) {
  const auto inventory = debian12({binary("libc6", "glibc", "1"), binary("libc-bin", "glibc", "1"),
                                   {"libc6", "i386", "1", "glibc", "1"}, binary("musl", "musl", "1")});
  const auto lines =
      fixed_in("CVE-2024-0001", "glibc", "2", R"(,"database_specific":{"urgency":"low"})") +
      fixed_in("CVE-2024-0001", "musl", "2", R"(,"database_specific":{"urgency":"high"})");
  const auto result = match(lines, inventory);
  EXPECT_EQ(result.counts, (Counts{.high = 1}));
  // libc6 of two architectures is one line.
  EXPECT_EQ(result.findings.size(), 3u);
}

TEST(Matcher, AliasesInSeveralRecordsAreOneVulnerabilityMendedByTheHigherFix) {
  const std::string dsa = record(
      "DSA-1-1", affected("a", R"({"introduced":"0"},{"fixed":"1-1+deb12u1"})"),
      R"(,"upstream":["CVE-2024-0001","CVE-2024-0002"])");
  const auto lines = dsa + fixed_in("CVE-2024-0001", "a", "1-1+deb12u2", kScore5);
  const auto result = match(lines, debian12({binary("a", "a", "1-1")}));
  EXPECT_EQ(result.counts, (Counts{.medium = 1, .unknown = 1, .unknown_fixable = 1}));
  ASSERT_EQ(result.findings.size(), 2u);
  EXPECT_EQ(result.findings[0].fixed, "1-1+deb12u2");
  EXPECT_EQ(result.findings[1].fixed, "1-1+deb12u1");
  // With the first fix installed the second record still speaks.
  EXPECT_EQ(match(lines, debian12({binary("a", "a", "1-1+deb12u1")})).counts, (Counts{.medium = 1}));
}

TEST(Matcher, UnknownSeverityIsCountedAsSuchAndWithAFixApart) {
  const auto lines = fixed_in("CVE-2024-0001", "a", "2") +
                     record("CVE-2024-0002", affected("a", R"({"introduced":"0"})")) +
                     record("CVE-2024-0003", affected("a", R"({"introduced":"0"})"),
                            R"(,"database_specific":{"urgency":"unimportant"})");
  EXPECT_EQ(match(lines, debian12({binary("a", "a", "1")})).counts,
            (Counts{.info = 1, .unknown = 2, .unknown_fixable = 1}));
}

TEST(Matcher, AnUnknownWithAFixIsNotHiddenBehindAMedium) {
  // In one source nobody judged it, in the other it is medium: it may be high.
  const auto lines = fixed_in("CVE-2024-0001", "a", "2") +
                     fixed_in("CVE-2024-0001", "b", "2", R"(,"database_specific":{"urgency":"medium"})");
  EXPECT_EQ(match(lines, debian12({binary("a", "a", "1"), binary("b", "b", "1")})).counts,
            (Counts{.unknown = 1, .unknown_fixable = 1}));
}

const Inventory kKernels = debian12({
    {"linux-headers-6.1.0-9-amd64", "amd64", "6.1.27-1", "linux", "6.1.27-1"},
    {"linux-image-6.1.0-40-amd64", "amd64", "6.1.150-1", "linux-signed-amd64", "6.1.150+1"},
    {"linux-image-6.1.0-9-amd64", "amd64", "6.1.27-1", "linux-signed-amd64", "6.1.27+1"},
    {"linux-image-amd64", "amd64", "6.1.27-1", "linux-signed-amd64", "6.1.27+1"},
    {"linux-libc-dev", "amd64", "6.1.27-1", "linux", "6.1.27-1"},
    {"linux-perf", "amd64", "6.1.27-1", "linux", "6.1.27-1"},
});

TEST(Matcher, JudgesTheRunningKernelOnly) {
  const auto lines = fixed_in("CVE-2024-0001", "linux", "6.1.50-1", kScore9);
  auto result = match(lines, kKernels, "6.1.0-9-amd64");
  EXPECT_EQ(result.kernel, KernelJudged::kYes);
  EXPECT_EQ(result.kernel_package, "linux-image-6.1.0-9-amd64");
  EXPECT_EQ(result.counts, (Counts{.critical = 1}));
  ASSERT_EQ(result.findings.size(), 1u);
  EXPECT_EQ(result.findings[0].package, "linux-image-6.1.0-9-amd64");
  EXPECT_EQ(result.findings[0].source, "linux");
  EXPECT_EQ(result.findings[0].source_version, "6.1.27-1");
  // The old one stays installed beside it and is not counted.
  result = match(lines, kKernels, "6.1.0-40-amd64");
  EXPECT_EQ(result.kernel, KernelJudged::kYes);
  EXPECT_EQ(result.counts, Counts{});
}

TEST(Matcher, AKernelOfNoPackageOrNoneAtAllIsOutsideTheVerdict) {
  const auto lines = fixed_in("CVE-2024-0001", "linux", "6.1.50-1", kScore9);
  for (const char* release : {"6.18.44-own", "6.1.0-9", "6.1.0-9-amd64-x"}) {
    const auto result = match(lines, kKernels, release);
    EXPECT_EQ(result.kernel, KernelJudged::kNotOfDistribution) << release;
    EXPECT_EQ(result.counts, Counts{}) << release;
    EXPECT_TRUE(result.findings.empty()) << release;
  }
  const auto result = match(lines, kKernels);
  EXPECT_EQ(result.kernel, KernelJudged::kNoneRunning);
  EXPECT_EQ(result.counts, Counts{});
}

TEST(Matcher, APackageThatOnlyHasTheKernelsNameIsNone) {
  const auto inventory = debian12({binary("linux-image-own", "mykernel", "1")});
  const auto result = match(fixed_in("CVE-2024-0001", "linux", "6"), inventory, "own");
  EXPECT_EQ(result.kernel, KernelJudged::kNotOfDistribution);
}

TEST(Matcher, AnotherDistributionIsNotJudged) {
  const auto lines = fixed_in("CVE-2024-0001", "a", "2");
  for (const auto& distro : {Distro{"debian", "13"}, Distro{"ubuntu", "12"}, Distro{"debian", ""}}) {
    const auto result = match(lines, {distro, {binary("a", "a", "1")}});
    EXPECT_FALSE(result.covered);
    EXPECT_EQ(result.counts, Counts{});
  }
  EXPECT_TRUE(match(lines, debian12({binary("b", "b", "1")})).covered);
}

TEST(Matcher, WhereAdvisoriesNameBinaryPackagesThoseAreLookedUpToo) {
  const auto of = [](std::string_view ecosystem, std::string_view cve, std::string_view name) {
    return fmt::format(R"({{"id":"{}","affected":[{{"package":{{"ecosystem":"{}","name":"{}"}},"ranges":[{{"type":"ECOSYSTEM",)"
                       R"("events":[{{"introduced":"0"}},{{"fixed":"1:3.0.7-25.el9"}}]}}]}}]}})" "\n", cve, ecosystem, name);
  };
  std::string lines;
  for (const auto* ecosystem : {"AlmaLinux:9", "Debian:12"}) {
    lines += of(ecosystem, "CVE-2024-0001", "openssl-libs") + of(ecosystem, "CVE-2024-0001", "openssl") +
             of(ecosystem, "CVE-2024-0002", "openssl-libs");
  }
  const std::vector<Package> packages{{"openssl-libs", "x86_64", "1:3.0.7-24.el9", "openssl", "1:3.0.7-24.el9"}};
  const auto alma = match(lines, {{"almalinux", "9.4"}, packages});
  EXPECT_EQ(alma.counts.unknown, 2u);
  ASSERT_EQ(alma.findings.size(), 2u);  // each once, under the package's source
  EXPECT_EQ(alma.findings[0].source, "openssl");
  EXPECT_EQ(alma.findings[1].cve, "CVE-2024-0002");
  EXPECT_EQ(alma.findings[1].source, "openssl");
  EXPECT_EQ(match(lines, {{"debian", "12"}, packages}).counts.unknown, 1u);
}

TEST(Matcher, OfSeveralKernelsInstalledTheRunningOneCountsInOtherFamiliesToo) {
  const auto lines = record("CVE-2024-0001", R"({"package":{"ecosystem":"Rocky Linux:9","name":"kernel"},"ranges":[{"type":"ECOSYSTEM",)"
                                             R"("events":[{"introduced":"0"},{"fixed":"0:5.14.0-427.el9"}]}]})");
  const Inventory inventory{{"rocky", "9.4"},
                            {{"kernel-core", "aarch64", "5.14.0-427.el9", "kernel", "5.14.0-427.el9"},
                             {"kernel-core", "x86_64", "5.14.0-362.el9", "kernel", "5.14.0-362.el9"},
                             {"kernel-headers", "x86_64", "5.14.0-362.el9", "kernel", "5.14.0-362.el9"}}};
  const auto old = match(lines, inventory, "5.14.0-362.el9.x86_64");
  EXPECT_EQ(old.kernel_package, "kernel-core");
  EXPECT_EQ(old.counts.unknown, 1u);
  EXPECT_EQ(old.findings.size(), 1u);
  EXPECT_EQ(match(lines, inventory, "5.14.0-427.el9.aarch64").counts, Counts{});
  EXPECT_EQ(match(lines, inventory, "5.14.0-427.el9.x86_64").kernel, KernelJudged::kNotOfDistribution);
}

TEST(Matcher, RemembersAndSaysTheSameAgain) {
  const auto inventory = debian12({binary("a", "a", "1"), binary("b", "b", "1")});
  Matcher matcher(set_of(fixed_in("CVE-2024-0001", "a", "2", kScore9)));
  const auto first = matcher.match(inventory, {});
  const auto size = matcher.remembered();
  EXPECT_EQ(size, 3u);  // Two package versions and one hit.
  const auto again = matcher.match(inventory, {});
  EXPECT_EQ(again.counts, first.counts);
  EXPECT_EQ(again.findings, first.findings);
  EXPECT_EQ(matcher.remembered(), size);
  const auto counts = matcher.match(inventory, {}, Want::kCountsOnly);
  EXPECT_EQ(counts.counts, first.counts);
  EXPECT_TRUE(counts.findings.empty());
  // What one inventory has does not colour the next.
  EXPECT_EQ(matcher.match(debian12({binary("b", "b", "1")}), {}).counts, Counts{});
}

TEST(Matcher, KeepsWhatItRemembersOfSourcesThatAnUpdateSaysNothingNewAbout) {
  const auto inventory = debian12({binary("a", "a", "1"), binary("b", "b", "1"), binary("c", "c", "1")});
  const auto a = fixed_in("CVE-2024-0001", "a", "2", kScore9);
  Matcher matcher(set_of(a + fixed_in("CVE-2024-0002", "b", "2") + fixed_in("CVE-2024-0003", "c", "2")));
  matcher.match(inventory, {});
  EXPECT_EQ(matcher.remembered(), 6u);
  const auto newer = set_of(a + fixed_in("CVE-2024-0002", "b", "0"));
  matcher.update(newer);
  EXPECT_EQ(matcher.remembered(), 2u);  // a's version and its hit
  const auto result = matcher.match(inventory, {});
  EXPECT_EQ(result.counts, (Counts{.critical = 1}));
  EXPECT_EQ(result.findings, Matcher(newer).match(inventory, {}).findings);
  EXPECT_EQ(matcher.remembered(), 4u);
  matcher.update(set_of(a + fixed_in("CVE-2024-0002", "b", "2") + fixed_in("CVE-2024-0003", "c", "2")));
  EXPECT_EQ(matcher.match(inventory, {}).counts, (Counts{.critical = 1, .unknown = 2, .unknown_fixable = 2}));
  EXPECT_EQ(matcher.remembered(), 6u);
}

TEST(Matcher, ListsABoundedNumberOfFindingsAndCountsAll) {
  std::string lines;
  constexpr std::size_t kCves = 500;
  constexpr std::size_t kPackages = 500;
  for (std::size_t i = 0; i < kCves; ++i) lines += fixed_in(fmt::format("CVE-2024-{:04}", i), "a", "2");
  Inventory inventory = debian12({});
  for (std::size_t i = 0; i < kPackages; ++i) inventory.packages.push_back(binary(fmt::format("p{}", i), "a", "1"));
  const auto result = match(lines, inventory);
  EXPECT_EQ(result.counts.unknown, kCves);
  EXPECT_EQ(result.findings.size(), kMaxFindings);
  EXPECT_EQ(result.findings_omitted, kCves * kPackages - kMaxFindings);
}

}  // namespace
}  // namespace postern::vuln
