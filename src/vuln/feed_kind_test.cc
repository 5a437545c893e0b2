#include "vuln/feed_kind.h"

#include <gtest/gtest.h>

#include <string_view>

namespace postern::vuln {
namespace {

TEST(FeedKind, IsToldByWhatStandsInIt) {
  const struct {
    const char* text;
    FeedKind kind;
  } cases[] = {
      {R"({"id":"CVE-2024-0001","affected":[]})", FeedKind::kOsv},
      {R"({"database_specific":{"x":1},"id":"CVE-2024-0001"})", FeedKind::kOsv},
      {R"({"summary":"about \"catalogVersion\": {\"CVE-2024-0001\"","affected":[]})", FeedKind::kOsv},
      {"", FeedKind::kOsv},
      {"rubbish", FeedKind::kOsv},
      {"{", FeedKind::kOsv},
      {R"({"a)", FeedKind::kOsv},
      {R"({"389-ds-base": {"CVE-2012-0833": {"scope": "remote"}}})", FeedKind::kDebianTracker},
      {R"( {"a":{"TEMP-0290435-0B57B5":{}}})", FeedKind::kDebianTracker},
      {R"({"title": "CISA Catalog", "catalogVersion": "2025.08.25"})", FeedKind::kKev},
      {R"({"vulnerabilities": []})", FeedKind::kKev},
      {R"({"title": "a \" \\", "count": 3, "x": null, "vulnerabilities": []})", FeedKind::kKev},
      {"\xef\xbb\xbf{\"title\": \"T\", \"dateReleased\": \"d\", \"catalogVersion\": \"1\"}", FeedKind::kKev},
      {"#model_version:v2025.03.14,score_date:2025-08-25T12:55:00Z\ncve,epss,percentile\n", FeedKind::kEpss},
      {"cve,epss,percentile\n", FeedKind::kEpss},
  };
  for (const auto& c : cases) {
    const auto kind = tell_feed_kind(c.text);
    ASSERT_TRUE(kind) << c.text;
    EXPECT_EQ(*kind, c.kind) << c.text;
  }
  EXPECT_FALSE(tell_feed_kind("\x1f\x8b damaged"));
}

TEST(FeedKind, ABeginningTellsWhatCanBeNone) {
  using namespace std::string_view_literals;
  for (const auto may : {"{\"id\":"sv, "rubbish\n{\"id\":\"CVE-2024-0001\"}"sv, "\n\n [ {"sv, "PK\x03\x04\0\0"sv,
                         "cve,epss,percentile\n"sv, "#model_version:v2025"sv})
    EXPECT_TRUE(may_be_feed(may)) << may;
  for (const auto none : {"\0\0\0\0"sv, "{\0"sv, "rubbish"sv, "\x7f" "ELF"sv, ""sv}) {
    const auto refused = may_be_feed(none);
    ASSERT_FALSE(refused) << none;
    EXPECT_EQ(refused.error().code, ErrorCode::kInvalidArgument);
  }
  EXPECT_EQ(may_be_feed("\x1f\x8b damaged").error().code, ErrorCode::kDataLoss);
}

TEST(FeedKind, NamesAreStable) {
  EXPECT_EQ(feed_kind_name(FeedKind::kOsv), "osv");
  EXPECT_EQ(feed_kind_name(FeedKind::kDebianTracker), "debian-tracker");
  EXPECT_EQ(feed_kind_name(FeedKind::kKev), "kev");
  EXPECT_EQ(feed_kind_name(FeedKind::kEpss), "epss");
}

}  // namespace
}  // namespace postern::vuln
