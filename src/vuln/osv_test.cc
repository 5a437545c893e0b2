#include "vuln/osv.h"

#include <gtest/gtest.h>

#include "base/file.h"
#include "vuln/test_records.h"

namespace postern::vuln {
namespace {

TEST(FeedReader, ABrokenFeedIsRefusedWholeAndNamed) {
  FeedReader reader;
  const auto result = reader.add("debian.zip", fixed_in("CVE-2024-0001", "a", "2") + "{\"id\":\n");
  ASSERT_FALSE(result);
  EXPECT_NE(result.error().message.find("feed debian.zip: it ends in the middle of line 2: "), std::string::npos)
      << result.error().message;
  EXPECT_FALSE(reader.add("f", fixed_in("CVE-2024-0001", "a", "not a version")));
  EXPECT_FALSE(reader.add("f", "PK\x03\x04 nonsense"));
  EXPECT_FALSE(reader.add("f", "\x1f\x8b nonsense"));
  EXPECT_EQ(std::move(reader).finish().size(), 0u);
}

/// `n` good records.
std::string many(std::size_t n) {
  std::string out;
  for (std::size_t i = 0; i < n; ++i) out += fixed_in("CVE-2024-" + std::to_string(10'000 + i), "a", "2");
  return out;
}

TEST(FeedReader, SkippedRecordsAreCountedAndNamed) {
  FeedReader reader({.limits = {}, .skip_invalid = true});
  const auto report = reader.add("f", many(198) + "{\"id\":5}\n" + fixed_in("CVE-2024-0002", "a", "1_0"));
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(report->records, 198u);
  EXPECT_EQ(report->invalid, 2u);
  ASSERT_EQ(report->invalid_examples.size(), 2u);
  EXPECT_TRUE(report->invalid_examples[0].starts_with("line 199: ")) << report->invalid_examples[0];
  EXPECT_TRUE(report->invalid_examples[1].starts_with("line 200: record DEBIAN-CVE-2024-0002: "))
      << report->invalid_examples[1];
  // Damage to the file is refused all the same.
  const auto damaged = reader.add("f", "\x1f\x8b nonsense");
  ASSERT_FALSE(damaged);
  EXPECT_EQ(damaged.error().code, ErrorCode::kDataLoss);
}

TEST(FeedReader, AFeedOfWhichMoreThanOneInAHundredIsNotUnderstoodIsRefused) {
  FeedReader reader({.limits = {}, .skip_invalid = true});
  const auto bad = fixed_in("CVE-2024-0002", "a", "1_0");
  EXPECT_TRUE(reader.add("f", many(99) + bad));
  const auto refused = reader.add("f", many(98) + bad);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kInvalidArgument);
  EXPECT_TRUE(refused.error().message.starts_with("feed f: 1 of its 99 records can't be understood, and more than one in 100 are not "
                                                  "left out; the first is line 99: record DEBIAN-CVE-2024-0002: "))
      << refused.error().message;
  EXPECT_EQ(std::move(reader).finish().size(), 99u);  // nothing of the second was taken
}

TEST(FeedReader, OfWhatARecordNamesThatIsLeftOutNobodyKnows) {
  const std::string bad = fixed_in("CVE-2024-0002", "expat", "1_0");
  const auto unread = [](const std::vector<std::string>& feeds) {
    FeedReader reader({.limits = {}, .skip_invalid = true});
    for (const auto& feed : feeds) {
      const auto report = reader.add("f", feed);
      EXPECT_TRUE(report) << report.error().message;
    }
    const auto set = std::move(reader).finish();
    const auto said = set.source("Debian:12", "expat");
    EXPECT_EQ(set.any_unread(), said && !said->unread.empty());
    return said ? said->unread : std::string("nothing said");
  };
  EXPECT_EQ(unread({many(99)}), "nothing said");
  EXPECT_EQ(unread({many(99) + bad}), "DEBIAN-CVE-2024-0002");
  // Of another vulnerability in it something else may be known.
  EXPECT_EQ(unread({many(99) + bad, fixed_in("CVE-2024-0003", "expat", "2")}), "DEBIAN-CVE-2024-0002");
  // What another feed says of the same is enough.
  EXPECT_EQ(unread({many(99) + bad, fixed_in("CVE-2024-0002", "expat", "2")}), "");
  EXPECT_EQ(unread({fixed_in("CVE-2024-0002", "expat", "2"), many(99) + bad}), "");
}

TEST(FeedReader, WhatIsNoJsonIsDamage) {
  for (const bool skip : {false, true}) {
    FeedReader reader({.limits = {}, .skip_invalid = skip});
    const auto good = many(200);
    for (const auto& [bytes, says] : {std::pair(good + "<html>\n", "line 201: not a JSON document"),
                                      {good + std::string(4096, '\0'), "line 201: not a JSON document"},
                                      {"{\"id\":\n" + good, "line 1: not a JSON document: it ends too early"},
                                      {good + "{\"id\":", "it ends in the middle of line 201"}}) {
      const auto refused = reader.add("f", bytes);
      ASSERT_FALSE(refused) << says;
      EXPECT_EQ(refused.error().code, ErrorCode::kDataLoss);
      EXPECT_TRUE(refused.error().message.starts_with(std::string("feed f: ") + says)) << refused.error().message;
    }
  }
}

TEST(FeedReader, AByteOrderMarkIsNoPartOfTheFirstRecord) {
  FeedReader reader;
  const auto marked = "\xef\xbb\xbf" + many(2);
  EXPECT_EQ(reader.add("f", marked)->records, 2u);
  EXPECT_EQ(reader.add("g", gzip(marked))->records, 2u);
}

TEST(FeedReader, LinesThatAreCutOffAreRefusedWhole) {
  const auto first = fixed_in("CVE-2024-0001", "a", "2");
  const auto all = first + fixed_in("CVE-2024-0002", "b", "2",
                                    R"(,"summary":"caf\u00e9 café \\ \"","database_specific":{"kev":true,"cvss3_base":7.5e0})");
  for (const bool skip : {false, true}) {
    const auto added = [&](const std::string& bytes) {
      FeedReader reader({.limits = {}, .skip_invalid = skip});
      return reader.add("f", bytes);
    };
    // After its last brace it is whole again.
    for (auto at = first.size() + 1; at < all.size() - 1; ++at) {
      const auto cut = all.substr(0, at);
      for (const auto& bytes : {cut, cut + "\n", cut + "\r\n\n", gzip(cut)}) {
        const auto refused = added(bytes);
        ASSERT_FALSE(refused) << cut;
        EXPECT_EQ(refused.error().code, ErrorCode::kDataLoss) << cut;
        EXPECT_EQ(refused.error().message, "feed f: it ends in the middle of line 2: the file was cut off; give the whole file");
      }
    }
    for (const auto& whole : {all.substr(0, all.size() - 1), all, all + "\n \n", gzip(all.substr(0, all.size() - 1))}) {
      const auto report = added(whole);
      ASSERT_TRUE(report) << report.error().message;
      EXPECT_EQ(report->records, 2u);
      EXPECT_EQ(report->invalid, 0u);
    }
    EXPECT_EQ(added("{\"id\":\"DSA-1\"").error().code, ErrorCode::kDataLoss);  // a single record
  }
}

TEST(FeedReader, AFileWithoutAnyRecordIsNoFeed) {
  for (const bool skip : {false, true}) {
    FeedReader reader({.limits = {}, .skip_invalid = skip});
    for (const char* text : {"", "\n\n", "<html>\n", "{\"vulnerabilities\":[]}"})
      EXPECT_FALSE(reader.add("f", text)) << text;
  }
}

TEST(FeedReader, RecordsAndRowsAreBoundedOverAllFeeds) {
  FeedOptions options;
  options.limits.records = 2;
  options.limits.rows = 3;
  options.skip_invalid = true;
  FeedReader reader(options);
  const auto two = fixed_in("CVE-2024-0001", "a", "2") + fixed_in("CVE-2024-0002", "a", "2");
  const auto many = reader.add("f", two + "{}\n");
  ASSERT_FALSE(many);
  EXPECT_EQ(many.error().code, ErrorCode::kResourceExhausted);
  ASSERT_TRUE(reader.add("f", two));
  const auto rows = reader.add("g", two);
  ASSERT_FALSE(rows);
  EXPECT_EQ(rows.error().code, ErrorCode::kResourceExhausted);
  EXPECT_EQ(std::move(reader).finish().size(), 2u);
}

TEST(FeedReader, TheBundledSampleReadsWhole) {
  const auto bytes = read_file(POSTERN_SOURCE_DIR "/data/osv-debian-12-sample.jsonl.gz", 1u << 20);
  ASSERT_TRUE(bytes) << bytes.error().message;
  FeedReader reader;
  const auto report = reader.add("sample", *bytes);
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(report->records, 7033u);
  EXPECT_EQ(report->foreign, 0u);
  const auto set = std::move(reader).finish();
  EXPECT_EQ(set.ecosystems(), std::vector<std::string>{"Debian:12"});
}

}  // namespace
}  // namespace postern::vuln
