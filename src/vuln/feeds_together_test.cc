// Feeds of several kinds in one set: what each adds, and which of them decides where they speak of the same.
#include <gtest/gtest.h>

#include <initializer_list>
#include <string>

#include "vuln/matcher.h"
#include "vuln/osv.h"
#include "vuln/test_records.h"

namespace postern::vuln {
namespace {

constexpr std::string_view kEpss =
    "#model_version:v2025.03.14,score_date:2025-08-25T12:55:00Z\ncve,epss,percentile\n"
    "CVE-2024-0001,0.85012,0.99321\nCVE-2024-0002,0.00043,0.10000\nCVE-1999-0001,0.5,0.5\n";

std::string kev(std::string_view entries, int count) {
  return std::string(R"({"title":"T","catalogVersion":"2025.08.25","dateReleased":"2025-08-25T17:04:19Z","count":)") +
         std::to_string(count) + R"(,"vulnerabilities":[)" + std::string(entries) + "]}";
}

std::string exploited(std::string_view cve) {
  return std::string(R"({"cveID":")").append(cve) +
         R"(","dateAdded":"2025-08-25","dueDate":"2025-09-15","knownRansomwareCampaignUse":"Known"})";
}

std::string tracker(std::string_view source, std::string_view cve, std::string_view bookworm) {
  return std::string(R"({")").append(source) + R"(":{")" + std::string(cve) + R"(":{"releases":{"bookworm":{)" +
         std::string(bookworm) + "}}}}}";
}

AdvisorySet set_of_feeds(std::initializer_list<std::string> feeds) {
  FeedReader reader;
  for (const auto& feed : feeds) {
    const auto added = reader.add("test", feed);
    EXPECT_TRUE(added) << added.error().message;
  }
  return std::move(reader).finish();
}

const Advisory& only(const AdvisorySet& set, std::string_view source = "a") {
  static const Advisory kNone;
  const auto& all = set.of("Debian:12", source);
  EXPECT_EQ(all.size(), 1u);
  return all.size() == 1 ? all[0] : kNone;
}

std::string fixed_of(const Advisory& a) {
  std::string_view fixed;
  return affects(*a.affected, "0", fixed) ? std::string(fixed) : "not affected";
}

FeedReport report_of(std::string_view bytes, FeedOptions options = {}) {
  FeedReader reader(options);
  const auto report = reader.add("f", bytes);
  EXPECT_TRUE(report) << report.error().message;
  return report ? *report : FeedReport{};
}

void expect_refused(std::string_view bytes, ErrorCode code, std::string_view says, FeedOptions options = {}) {
  FeedReader reader(options);
  const auto report = reader.add("f", bytes);
  ASSERT_FALSE(report) << bytes;
  EXPECT_EQ(report.error().code, code) << report.error().message;
  EXPECT_NE(report.error().message.find(says), std::string::npos) << report.error().message;
  EXPECT_TRUE(report.error().message.starts_with("feed f: ")) << report.error().message;
  EXPECT_EQ(std::move(reader).finish().size(), 0u);
}

TEST(FeedsTogether, EachIsToldAndReported) {
  const auto catalogue = report_of(kev(exploited("CVE-2024-0001"), 1));
  EXPECT_EQ(catalogue.kind, FeedKind::kKev);
  EXPECT_EQ(catalogue.data_date, "2025-08-25T17:04:19Z");
  EXPECT_EQ(catalogue.records, 1u);
  EXPECT_EQ(catalogue.marks, 1u);
  for (const auto& bytes : {std::string(kEpss), gzip(kEpss)}) {
    const auto scores = report_of(bytes);
    EXPECT_EQ(scores.kind, FeedKind::kEpss);
    EXPECT_EQ(scores.data_date, "2025-08-25T12:55:00Z");
    EXPECT_EQ(scores.marks, 3u);
  }
  const auto debian = tracker("a", "CVE-2024-0001", R"("status":"open")");
  for (const auto& bytes : {debian, gzip(debian)}) {
    const auto report = report_of(bytes);
    EXPECT_EQ(report.kind, FeedKind::kDebianTracker);
    EXPECT_EQ(report.advisories, 1u);
  }
}

TEST(FeedsTogether, CataloguesMarkWhatAdvisoriesName) {
  const auto set = set_of_feeds({fixed_in("CVE-2024-0001", "a", "2") + fixed_in("CVE-2024-0002", "b", "2"),
                                 std::string(kEpss), kev(exploited("CVE-2024-0001") + "," + exploited("CVE-1999-0001"), 2)});
  EXPECT_EQ(only(set).effective, (EffectiveSeverity{Severity::kHigh, SeverityReason::kKev}));
  EXPECT_EQ(only(set, "b").effective.severity, Severity::kUnknown);  // a probability is no severity
  const auto* note = set.note("CVE-2024-0001");
  ASSERT_NE(note, nullptr);
  EXPECT_TRUE(note->kev && note->kev_ransomware);
  EXPECT_EQ(note->kev_added, "2025-08-25");
  EXPECT_EQ(note->kev_due, "2025-09-15");
  EXPECT_EQ(note->epss, 8501);
  EXPECT_EQ(note->epss_percentile, 9932);
  ASSERT_NE(set.note("CVE-2024-0002"), nullptr);
  EXPECT_EQ(set.note("CVE-2024-0002")->epss, 4);
  EXPECT_FALSE(set.note("CVE-2024-0002")->kev);
  EXPECT_EQ(set.note("CVE-1999-0001"), nullptr);  // no advisory names it
}

TEST(FeedsTogether, TheVectorOfTheScoreIsKept) {
  const auto scored = [](std::string_view vector) {
    return fixed_in("CVE-2024-0001", "a", "2",
                    std::string(R"(,"severity":[{"type":"CVSS_V4","score":"CVSS:4.0/AV:N"},{"type":"CVSS_V3","score":")")
                            .append(vector) + R"("}])");
  };
  const auto feed = scored("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:N/A:N");
  const auto set = set_of_feeds({feed, fixed_in("CVE-2024-0001", "b", "2")});
  EXPECT_EQ(only(set).judgement.cvss_tenths, 75);
  EXPECT_EQ(only(set, "b").judgement.cvss_tenths, 75);
  EXPECT_EQ(set.note("CVE-2024-0001")->cvss_vector, "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:N/A:N");
  EXPECT_EQ(report_of(feed).cvss4, 1u);
}

TEST(FeedsTogether, OnlyAV4VectorLeavesTheSeverityUnknown) {
  const auto feed = fixed_in("CVE-2024-0001", "a", "2",
                             R"(,"severity":[{"type":"CVSS_V4","score":"CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N"}])");
  EXPECT_EQ(report_of(feed).cvss4, 1u);
  EXPECT_EQ(only(set_of_feeds({feed})).effective, (EffectiveSeverity{Severity::kUnknown, SeverityReason::kUnknown}));
}

TEST(FeedsTogether, TheTrackersBoundGoesBeforeThatOfARecord) {
  const auto osv = fixed_in("CVE-2024-0001", "a", "2", R"(,"database_specific":{"cvss3_base":9.8,"urgency":"low"})");
  const auto debian = tracker("a", "CVE-2024-0001", R"("status":"resolved","fixed_version":"1.9+deb12u1","urgency":"medium")");
  for (const auto& set : {set_of_feeds({osv, debian}), set_of_feeds({debian, osv})}) {
    EXPECT_EQ(fixed_of(only(set)), "1.9+deb12u1");
    // Its severity too, where it gives one; the score of the record stays beside it.
    EXPECT_EQ(only(set).judgement.vendor, Severity::kMedium);
    EXPECT_EQ(only(set).judgement.cvss_tenths, 98);
    EXPECT_EQ(only(set).effective.reason, SeverityReason::kVendorBelowCvss);
  }
  const auto silent = tracker("a", "CVE-2024-0001", R"("status":"resolved","fixed_version":"1.9+deb12u1")");
  EXPECT_EQ(only(set_of_feeds({osv, silent})).judgement.vendor, Severity::kLow);
}

TEST(FeedsTogether, WhatTheTrackerCallsNotAffectedIsNot) {
  const auto osv = fixed_in("CVE-2024-0001", "a", "2") + fixed_in("CVE-2024-0001", "b", "2") +
                   fixed_in("CVE-2024-0002", "a", "2");
  const auto set =
      set_of_feeds({osv, tracker("a", "CVE-2024-0001", R"("status":"resolved","fixed_version":"0")")});
  EXPECT_EQ(only(set).cve, "CVE-2024-0002");  // another vulnerability,
  EXPECT_EQ(only(set, "b").cve, "CVE-2024-0001");  // and another source, are the record's to judge
}

TEST(FeedsTogether, OpenAtTheTrackerHasNoFixWhateverARecordSays) {
  const auto set = set_of_feeds({fixed_in("CVE-2024-0001", "a", "2"), tracker("a", "CVE-2024-0001", R"("status":"open")")});
  std::string_view fixed;
  EXPECT_TRUE(affects(*only(set).affected, "3", fixed));
  EXPECT_EQ(fixed, "");
}

TEST(FeedsTogether, ATrackerThatKnowsOfNothingOpenCoversItsRelease) {
  const auto set = set_of_feeds({tracker("a", "CVE-2024-0001", R"("status":"resolved","fixed_version":"0")")});
  EXPECT_EQ(set.size(), 0u);
  EXPECT_TRUE(set.covers("Debian:12"));
  EXPECT_FALSE(set.covers("Debian:13"));
}

TEST(FeedsTogether, TheSameInWhateverOrderTheyCome) {
  const auto osv = fixed_in("CVE-2024-0001", "a", "2", R"(,"database_specific":{"cvss3_base":9.8})") +
                   fixed_in("CVE-2024-0002", "a", "2");
  const auto debian = tracker("a", "CVE-2024-0001", R"("status":"undetermined")");
  const auto catalogue = kev(exploited("CVE-2024-0002"), 1);
  const auto set = set_of_feeds({osv, debian, catalogue, std::string(kEpss)});
  EXPECT_EQ(set_of_feeds({std::string(kEpss), catalogue, debian, osv}).digest(), set.digest());
  EXPECT_NE(set_of_feeds({osv, debian, catalogue}).digest(), set.digest());
  EXPECT_NE(set_of_feeds({osv, debian, std::string(kEpss)}).digest(), set.digest());
  EXPECT_NE(set_of_feeds({osv, catalogue, std::string(kEpss)}).digest(), set.digest());
}

TEST(FeedsTogether, DamageIsRefusedAndNothingOfItTaken) {
  const auto debian = tracker("a", "CVE-2024-0001", R"("status":"open")");
  FeedOptions lenient;
  lenient.skip_invalid = true;
  expect_refused(std::string_view(debian).substr(0, debian.size() - 2), ErrorCode::kDataLoss, "cut off", lenient);
  expect_refused(debian + debian, ErrorCode::kDataLoss, "follows the end", lenient);
  const auto packed = gzip(debian);
  expect_refused(std::string_view(packed).substr(0, packed.size() - 9), ErrorCode::kDataLoss, "truncated", lenient);
  expect_refused(tracker("a", "CVE-2024-0001", R"("status":"shut")"), ErrorCode::kInvalidArgument,
                 "CVE-2024-0001 in a: release bookworm: its \"status\"");
  expect_refused(tracker("a", "CVE-2024-0001", R"("status":"shut")"), ErrorCode::kInvalidArgument,
                 "it holds no vulnerability", lenient);
  expect_refused(kev(exploited("CVE-2024-0001"), 2), ErrorCode::kDataLoss, "says that it holds 2", lenient);
  expect_refused(kev("", 0), ErrorCode::kInvalidArgument, "it holds no vulnerability", lenient);
  expect_refused(kev("{}", 1), ErrorCode::kInvalidArgument, "entry 0: its \"cveID\"");
  expect_refused("#model_version:v1\nCVE-2024-0001,0.5,0.5\n", ErrorCode::kInvalidArgument, "line 2: the table", lenient);
  expect_refused("cve,epss,percentile\n", ErrorCode::kInvalidArgument, "it holds no score", lenient);
  expect_refused("cve,epss,percentile\nCVE-2024-0001,0.5,0.5\nCVE-2024-0001,7,0.5\n", ErrorCode::kInvalidArgument,
                 "line 3: CVE-2024-0001: epss");
}

TEST(FeedsTogether, ScoresThatAreCutOffWithinALineAreRefusedWhole) {
  FeedOptions lenient;
  lenient.skip_invalid = true;
  // A number that lost its last digits is still one.
  for (auto at = kEpss.find("CVE-2024-0002") + 1; at < kEpss.size(); ++at) {
    const auto cut = kEpss.substr(0, at);
    if (cut.ends_with('\n')) continue;
    const auto line = at > kEpss.find("CVE-1999-0001") ? 5 : 4;
    const auto says = "it ends in the middle of line " + std::to_string(line) + ": the file was cut off; give the whole file";
    expect_refused(cut, ErrorCode::kDataLoss, says, lenient);
    expect_refused(gzip(cut), ErrorCode::kDataLoss, says, lenient);
    expect_refused(cut, ErrorCode::kDataLoss, says);
  }
  EXPECT_EQ(report_of(std::string(kEpss) + "\n \n").marks, 3u);
  EXPECT_EQ(report_of(std::string(kEpss) + " ").marks, 3u);
}

TEST(FeedsTogether, WhatCannotBeUnderstoodIsCountedWhereThatIsAllowed) {
  FeedOptions lenient;
  lenient.skip_invalid = true;
  std::string many = "cve,epss,percentile\n", catalogued;
  for (int i = 1000; i < 1100; ++i) {
    many += "CVE-2023-" + std::to_string(i) + ",0.5,0.5\n";
    catalogued += exploited("CVE-2023-" + std::to_string(i)) + ",";
  }
  const auto scores = report_of(many + "CVE-2024-0002,7,0.5\n", lenient);
  EXPECT_EQ(scores.records, 100u);
  EXPECT_EQ(scores.invalid, 1u);
  EXPECT_EQ(scores.invalid_examples.at(0), "line 102: CVE-2024-0002: epss and percentile are numbers from 0 to 1");
  const auto catalogue = report_of(kev(catalogued + "{}", 101), lenient);
  EXPECT_EQ(catalogue.records, 100u);
  EXPECT_EQ(catalogue.invalid, 1u);
  expect_refused(kev(exploited("CVE-2024-0001") + ",{}", 2), ErrorCode::kInvalidArgument, "1 of its 2 records", lenient);
}

TEST(FeedsTogether, TheTrackersWordIsEnoughWhereAnOsvRecordIsLeftOut) {
  FeedOptions lenient;
  lenient.skip_invalid = true;
  FeedReader reader(lenient);
  std::string good;
  for (int i = 1000; i < 1100; ++i) good += fixed_in("CVE-2023-" + std::to_string(i), "b", "2");
  ASSERT_TRUE(reader.add("osv", good + fixed_in("CVE-2024-0001", "a", "1_0")));
  ASSERT_TRUE(reader.add("tracker", tracker("a", "CVE-2024-0001", R"("status":"open")")));
  const auto set = std::move(reader).finish();
  EXPECT_FALSE(set.any_unread());
  EXPECT_EQ(set.of("Debian:12", "a").size(), 1u);
}

TEST(FeedsTogether, EachIsBounded) {
  FeedOptions small;
  small.limits.records = 2;
  expect_refused(kEpss, ErrorCode::kResourceExhausted, "more than 2 records", small);
  small = {};
  small.limits.total_bytes = 100;
  expect_refused(kEpss, ErrorCode::kResourceExhausted, "unpacks to more than the limit of 100 bytes", small);
  small = {};
  small.limits.record_bytes = 40;
  expect_refused(kev(exploited("CVE-2024-0001"), 1), ErrorCode::kResourceExhausted, "larger than the limit of 40", small);
  small = {};
  small.limits.rows = 0;
  expect_refused(tracker("a", "CVE-2024-0001", R"("status":"open")"), ErrorCode::kResourceExhausted, "more than 0 advisories",
                 small);
}

}  // namespace
}  // namespace postern::vuln
