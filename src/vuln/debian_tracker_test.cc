#include "vuln/debian_tracker.h"

#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <string>

#include "vuln/debian_releases.h"

namespace postern::vuln {
namespace {

struct EntryRead {
  Status status;
  std::vector<AdvisorySet::Entry> entries;
  FeedReport report;
};

EntryRead read_entry(std::string_view entry, std::string_view source = "a", std::string_view id = "CVE-2024-0001") {
  EntryRead out;
  out.status = read_tracker_entry(source, id, boost::json::parse(std::string(entry)), out.entries, out.report);
  return out;
}

std::string releases(std::string_view list) { return std::string(R"({"description":"d","releases":{)").append(list) + "}}"; }

bool is_affected(const AdvisorySet::Entry& e, std::string_view version) {
  std::string_view fixed;
  return affects(*e.advisory.affected, version, fixed);
}

TEST(DebianReleases, AreNamedAndNumbered) {
  EXPECT_EQ(debian_version_of("bookworm"), "12");
  EXPECT_EQ(debian_codename_of("12"), "bookworm");
  EXPECT_EQ(debian_version_of("sid"), "");
  EXPECT_EQ(debian_version_of(""), "");
  EXPECT_EQ(debian_codename_of("12.5"), "");
}

TEST(DebianTracker, ResolvedIsAffectedUpToItsFixInEachRelease) {
  const auto out = read_entry(releases(
      R"("bookworm":{"status":"resolved","repositories":{"bookworm":"1-2"},"fixed_version":"1-2+deb12u1","urgency":"medium"},
         "trixie":{"status":"resolved","fixed_version":"1-3","urgency":"not yet assigned"},
         "sid":{"status":"resolved","fixed_version":"1-3","urgency":"not yet assigned"})"));
  ASSERT_TRUE(out.status) << out.status.error().message;
  ASSERT_EQ(out.entries.size(), 2u);
  const auto& bookworm = out.entries[0];
  EXPECT_EQ(bookworm.ecosystem, "Debian:12");
  EXPECT_EQ(bookworm.source, "a");
  EXPECT_EQ(bookworm.advisory.cve, "CVE-2024-0001");
  EXPECT_TRUE(bookworm.tracker);
  EXPECT_EQ(bookworm.advisory.judgement.vendor, Severity::kMedium);
  EXPECT_TRUE(is_affected(bookworm, "1-2"));
  EXPECT_FALSE(is_affected(bookworm, "1-2+deb12u1"));
  EXPECT_EQ(out.entries[1].ecosystem, "Debian:13");
  EXPECT_TRUE(is_affected(out.entries[1], "1-2+deb12u1"));
  EXPECT_EQ(out.entries[1].advisory.judgement.vendor, Severity::kUnknown);
  EXPECT_EQ(out.report.records, 1u);
  EXPECT_EQ(out.report.advisories, 2u);
  EXPECT_EQ(out.report.foreign, 1u);
}

TEST(DebianTracker, FixedInZeroIsNotAffected) {
  const auto out = read_entry(releases(R"("bookworm":{"status":"resolved","fixed_version":"0","urgency":"unimportant"})"));
  ASSERT_TRUE(out.status) << out.status.error().message;
  ASSERT_EQ(out.entries.size(), 1u);
  EXPECT_FALSE(is_affected(out.entries[0], "0"));
  EXPECT_FALSE(is_affected(out.entries[0], "99"));
  EXPECT_EQ(out.report.not_affected, 1u);
  EXPECT_EQ(out.report.advisories, 0u);
}

TEST(DebianTracker, OpenIsAffectedWithoutAFix) {
  const auto out = read_entry(releases(
      R"("bookworm":{"status":"open","urgency":"low**","nodsa":"Minor issue","nodsa_reason":"postponed"})"));
  ASSERT_TRUE(out.status) << out.status.error().message;
  const auto& a = out.entries.at(0).advisory;
  EXPECT_TRUE(is_affected(out.entries[0], "99:1"));
  EXPECT_EQ(a.judgement.vendor, Severity::kLow);
  EXPECT_TRUE(a.judgement.no_dsa);
  EXPECT_FALSE(a.judgement.undetermined);
}

TEST(DebianTracker, UndeterminedIsKeptAndSaidToBe) {
  const auto out = read_entry(releases(R"("bookworm":{"status":"undetermined","urgency":"not yet assigned"})"));
  ASSERT_TRUE(out.status) << out.status.error().message;
  EXPECT_TRUE(out.entries.at(0).advisory.judgement.undetermined);
  EXPECT_TRUE(is_affected(out.entries[0], "1"));
  EXPECT_EQ(out.report.undetermined, 1u);
}

TEST(DebianTracker, IssuesWithoutACveKeepTheTrackersNumber) {
  EXPECT_TRUE(read_entry(releases(R"("bookworm":{"status":"open"})"), "a", "TEMP-0290435-0B57B5").status);
}

TEST(DebianTracker, WhatIsNoEntryIsRefusedSaysWhyAndAddsNothing) {
  const struct {
    std::string entry;
    const char* says;
    const char* source = "a";
    const char* id = "CVE-2024-0001";
  } cases[] = {
      {"[]", "no object \"releases\""},
      {"{}", "no object \"releases\""},
      {R"({"releases":[]})", "no object \"releases\""},
      {releases(R"("bookworm":1)"), "release bookworm is no object"},
      {releases(R"("bookworm":{})"), "release bookworm: its \"status\""},
      {releases(R"("trixie":{"status":"open"},"bookworm":{"status":"fixed"})"), "its \"status\""},
      {releases(R"("bookworm":{"status":3})"), "\"status\" is no text"},
      {releases(R"("bookworm":{"status":"resolved"})"), "has no \"fixed_version\""},
      {releases(R"("bookworm":{"status":"resolved","fixed_version":"a b"})"), "no Debian version"},
      {releases(R"("bookworm":{"status":"open","urgency":[]})"), "\"urgency\" is no text"},
      {releases(R"("bookworm":{"status":"open"})"), "source's name", "a b"},
      {releases(R"("bookworm":{"status":"open"})"), "source's name", ""},
      {releases(R"("bookworm":{"status":"open"})"), "neither a CVE", "a", "DSA-1-1"},
      {releases(R"("bookworm":{"status":"open"})"), "neither a CVE", "a", "CVE-\n"},
  };
  for (const auto& c : cases) {
    const auto out = read_entry(c.entry, c.source, c.id);
    ASSERT_FALSE(out.status) << c.entry;
    EXPECT_EQ(out.status.error().code, ErrorCode::kInvalidArgument);
    EXPECT_NE(out.status.error().message.find(c.says), std::string::npos) << out.status.error().message;
    EXPECT_TRUE(out.entries.empty());
    EXPECT_EQ(out.report.records, 0u);
  }
}

}  // namespace
}  // namespace postern::vuln
