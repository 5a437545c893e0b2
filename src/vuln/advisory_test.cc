#include "vuln/advisory.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "vuln/test_records.h"

namespace postern::vuln {
namespace {

Severity effective(std::string_view lines, std::string_view source = "a") {
  return set_of(lines)->of("Debian:12", source).at(0).effective.severity;
}

TEST(Advisory, VendorThenCvssThenUnknown) {
  EXPECT_EQ(effective(fixed_in("CVE-2024-0001", "a", "2")), Severity::kUnknown);
  EXPECT_EQ(effective(fixed_in("CVE-2024-0001", "a", "2", R"(,"database_specific":{"cvss3_base":5})")),
            Severity::kMedium);
  EXPECT_EQ(effective(fixed_in("CVE-2024-0001", "a", "2",
                               R"(,"database_specific":{"cvss3_base":9.8,"urgency":"low"})")),
            Severity::kLow);
  EXPECT_EQ(effective(fixed_in("CVE-2024-0001", "a", "2",
                               R"(,"database_specific":{"cvss3_base":9.8,"urgency":"end-of-life"})")),
            Severity::kCritical);
}

TEST(Advisory, ExploitedIsHighAtLeast) {
  EXPECT_EQ(effective(fixed_in("CVE-2024-0001", "a", "2", R"(,"database_specific":{"kev":true})")),
            Severity::kHigh);
  EXPECT_EQ(effective(fixed_in("CVE-2024-0001", "a", "2",
                               R"(,"database_specific":{"kev":true,"urgency":"unimportant"})")),
            Severity::kHigh);
  EXPECT_EQ(effective(fixed_in("CVE-2024-0001", "a", "2",
                               R"(,"database_specific":{"kev":true,"cvss3_base":9})")),
            Severity::kCritical);
}

TEST(Advisory, ScoreAndCatalogueCountWhereverTheVulnerabilityOccursTheVendorsWordDoesNot) {
  const auto lines = fixed_in("CVE-2024-0001", "a", "2") +
                     fixed_in("CVE-2024-0001", "b", "2",
                              R"(,"database_specific":{"cvss3_base":7.5,"urgency":"low"})");
  EXPECT_EQ(effective(lines, "a"), Severity::kHigh);
  EXPECT_EQ(effective(lines, "b"), Severity::kLow);
}

TEST(Advisory, TheScoreOfARecordAboutSeveralStaysWithItsPackage) {
  const std::string to_two = R"({"introduced":"0"},{"fixed":"2"})";
  const auto lines = record("DSA-1-1", affected("a", to_two),
                            R"(,"upstream":["CVE-2024-0001","CVE-2024-0002"],)"
                            R"("database_specific":{"cvss3_base":9.8})") +
                     fixed_in("CVE-2024-0001", "b", "2");
  EXPECT_EQ(effective(lines, "a"), Severity::kCritical);
  EXPECT_EQ(effective(lines, "b"), Severity::kUnknown);
}

TEST(AdvisorySet, IsTheSameInWhateverOrderAndHoweverOftenRecordsCome) {
  const auto one = fixed_in("CVE-2024-0001", "a", "2");
  const auto two = fixed_in("CVE-2024-0002", "b", "2");
  const auto set = set_of(one + two);
  EXPECT_EQ(set->size(), 2u);
  EXPECT_EQ(set_of(two + one + one)->digest(), set->digest());
  EXPECT_EQ(set_of(two + one + one)->size(), 2u);
  for (const auto& other :
       {one, one + fixed_in("CVE-2024-0002", "b", "3"), one + fixed_in("CVE-2024-0002", "c", "2"),
        one + fixed_in("CVE-2024-0003", "b", "2"),
        one + fixed_in("CVE-2024-0002", "b", "2", R"(,"database_specific":{"kev":true})")}) {
    EXPECT_NE(set_of(other)->digest(), set->digest()) << other;
  }
}

TEST(AdvisorySet, EachSourceHasADigestOfWhatMatchingReads) {
  const auto a = fixed_in("CVE-2024-0001", "a", "2");
  const auto before = set_of(a + fixed_in("CVE-2024-0002", "b", "2") + fixed_in("CVE-2024-0003", "c", "2"));
  const auto names = [&](std::string_view lines) {
    std::vector<std::string> out;
    for (const auto& name : AdvisorySet::changed_sources(*before, *set_of(lines))) {
      EXPECT_EQ(name.ecosystem, "Debian:12");
      out.push_back(name.source);
    }
    return out;
  };
  const auto b = fixed_in("CVE-2024-0002", "b", "2");
  const auto c = fixed_in("CVE-2024-0003", "c", "2");
  using Names = std::vector<std::string>;
  EXPECT_EQ(names(c + b + a + a), Names());
  EXPECT_EQ(names(a + b), Names{"c"});                                          // gone
  EXPECT_EQ(names(a + b + c + fixed_in("CVE-2024-0004", "d", "2")), Names{"d"});  // new
  EXPECT_EQ(names(a + b + fixed_in("CVE-2024-0003", "c", "3")), Names{"c"});    // another bound
  EXPECT_EQ(names(a + b + c + fixed_in("CVE-2024-0001", "c", "2")), Names{"c"});
  // A score is about the vulnerability: it changes every source that has it, and no other.
  EXPECT_EQ(names(a + b + c + fixed_in("CVE-2024-0002", "d", "2", R"(,"database_specific":{"cvss3_base":5})")),
            (Names{"b", "d"}));
  EXPECT_EQ(before->source("Debian:12", "x"), nullptr);
  EXPECT_EQ(before->source("Debian:13", "a"), nullptr);
  EXPECT_EQ(before->source("Debian:12", "a")->advisories.size(), 1u);
}

TEST(AdvisorySet, WhatIsNotedOfAVulnerabilityHasADigestOfItsOwn) {
  const auto build = [](std::optional<std::uint16_t> epss) {
    std::vector<AdvisorySet::Entry> entries(2);
    CveNotes notes;
    for (auto& e : entries) {
      e.ecosystem = "Debian:12";
      e.advisory.affected = std::make_shared<const AffectedVersions>();
    }
    entries[0].source = "a";
    entries[0].advisory.cve = "CVE-2024-0001";
    entries[1].source = "b";
    entries[1].advisory.cve = "CVE-2024-0002";
    notes["CVE-2024-0001"].epss = epss;
    notes["CVE-2024-0009"].epss = epss;  // stands in no source
    return AdvisorySet::build(std::move(entries), std::move(notes));
  };
  const auto before = build(10), after = build(20);
  EXPECT_TRUE(AdvisorySet::changed_sources(before, after).empty());
  EXPECT_NE(before.source("Debian:12", "a")->notes_digest, after.source("Debian:12", "a")->notes_digest);
  EXPECT_EQ(before.source("Debian:12", "b")->notes_digest, after.source("Debian:12", "b")->notes_digest);
  EXPECT_NE(before.digest(), after.digest());
  EXPECT_EQ(before.digest(), build(10).digest());
}

TEST(AdvisorySet, KnowsWhatItIsAbout) {
  const auto set = set_of(fixed_in("CVE-2024-0001", "a", "2"));
  EXPECT_TRUE(set->covers("Debian:12"));
  EXPECT_FALSE(set->covers("Debian:13"));
  EXPECT_TRUE(set->of("Debian:12", "b").empty());
  EXPECT_TRUE(set->of("Debian:13", "a").empty());
  EXPECT_FALSE(AdvisorySet().covers(""));
}

}  // namespace
}  // namespace postern::vuln
