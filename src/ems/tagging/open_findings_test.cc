#include "ems/tagging/open_findings.h"

#include <gtest/gtest.h>

#include "ems/registry/risk.h"

namespace postern::ems {
namespace {

std::shared_ptr<const MatchResult> three() {
  auto out = std::make_shared<MatchResult>();
  const auto note = std::make_shared<vuln::CveNote>();
  note->epss = 8501;
  out->findings = {{"CVE-2026-0001", "openssl", "libssl3", "3.0.1+b1", "3.0.2", "high", false, "3.0.1", {.cvss_tenths = 75}},
                   {"CVE-2026-0001", "openssl", "openssl", "3.0.1", "3.0.2", "high", false, "3.0.1", {.cvss_tenths = 75}},
                   {"CVE-2026-0002", "bash", "bash", "5.2", "5.3", "critical", true, "5.2", {.kev = true}, note},
                   {"CVE-2026-0003", "zlib", "zlib1g", "1.2", "", "unknown", false, "1.2"},
                   {"CVE-2026-0004", "zlib", "zlib1g", "1.2", "1.3", "unknown", false, "1.2"}};
  summarise(*out);
  out->counts.critical = out->counts.high = 1;
  out->counts.unknown = 2;
  out->counts.unknown_fixable = 1;
  return out;
}

std::shared_ptr<const Risk> risk(std::string cve, std::string source = "", std::string version = "", int until = 1) {
  Risk out;
  out.id = "RSK-" + std::to_string(until);
  out.cve = std::move(cve);
  out.source = std::move(source);
  out.version = std::move(version);
  out.expires_at = from_unix_ms(until);
  return std::make_shared<const Risk>(out);
}

TEST(OpenFindings, AreSummarised) {
  const auto all = three();
  EXPECT_EQ(all->total, 4u);
  EXPECT_EQ(all->kev, 1u);
  EXPECT_EQ(all->max_cvss_tenths, 75);
  EXPECT_EQ(all->max_epss, 8501);
  EXPECT_EQ(all->cves,
            (std::vector<std::string>{"CVE-2026-0001", "CVE-2026-0002", "CVE-2026-0003", "CVE-2026-0004"}));
  MatchResult none;
  summarise(none);
  EXPECT_EQ(none.total, 0u);
  EXPECT_FALSE(none.max_cvss_tenths);
  EXPECT_FALSE(none.max_epss);
}

TEST(OpenFindings, WithoutARiskNothingIsMadeAnew) {
  const auto all = three();
  EXPECT_EQ(with_accepted(all, {}), all);
  for (const auto& other : {risk("CVE-2026-9999"), risk("CVE-2026-0001", "bash"), risk("CVE-2026-0001", "", "3.0.2")})
    EXPECT_EQ(with_accepted(all, {other}), all);
}

TEST(OpenFindings, AnAcceptedOneIsMarkedAndNotCounted) {
  const auto all = three();
  const auto kept = with_accepted(all, {risk("CVE-2026-0002")});
  ASSERT_EQ(kept->findings.size(), 5u);
  ASSERT_TRUE(kept->findings[2].accepted);
  EXPECT_EQ(kept->findings[2].accepted->id, "RSK-1");
  EXPECT_EQ(kept->counts.critical, 0u);
  EXPECT_EQ(kept->counts.high, 1u);
  EXPECT_EQ(kept->counts.unknown, 2u);
  EXPECT_EQ(kept->counts.unknown_fixable, 1u);
  EXPECT_EQ(kept->total, 3u);
  EXPECT_EQ(kept->kev, 0u);
  EXPECT_FALSE(kept->max_epss);
  EXPECT_EQ(all->counts.critical, 1u);  // what others share is as it was
  EXPECT_FALSE(all->findings[2].accepted);
}

TEST(OpenFindings, AVersionIsThatOfThePackageOrItsSource) {
  const auto of_package = with_accepted(three(), {risk("CVE-2026-0001", "openssl", "3.0.1+b1")});
  EXPECT_TRUE(of_package->findings[0].accepted);
  EXPECT_FALSE(of_package->findings[1].accepted);
  EXPECT_EQ(of_package->counts.high, 1u);  // still open in the other package
  const auto of_source = with_accepted(three(), {risk("CVE-2026-0001", "openssl", "3.0.1")});
  EXPECT_TRUE(of_source->findings[0].accepted && of_source->findings[1].accepted);
  EXPECT_EQ(of_source->counts.high, 0u);
}

TEST(OpenFindings, OfSeveralRisksTheOneThatHoldsLongestIsShown) {
  for (const auto& risks : {std::vector{risk("CVE-2026-0002", "", "", 5), risk("CVE-2026-0002", "", "", 9)},
                            std::vector{risk("CVE-2026-0002", "", "", 9), risk("CVE-2026-0002", "", "", 5)}}) {
    EXPECT_EQ(with_accepted(three(), risks)->findings[2].accepted->id, "RSK-9");
  }
}

TEST(OpenFindings, WhatIsNotListedKeepsTheCountsWhole) {
  auto more = std::make_shared<MatchResult>(*three());
  more->findings_omitted = 1;
  EXPECT_EQ(with_accepted(more, {risk("CVE-2026-0002")})->counts.critical, 1u);
}

}  // namespace
}  // namespace postern::ems
