#include "vuln/feed_bytes.h"

#include <gtest/gtest.h>
#include <zip.h>

#include <string>
#include <utility>
#include <vector>

#include "vuln/test_records.h"

namespace postern::vuln {
namespace {

using Files = std::vector<std::pair<std::string, std::string>>;

std::string zip_of(const Files& files) {
  zip_error_t error;
  zip_error_init(&error);
  auto* source = zip_source_buffer_create(nullptr, 0, 0, &error);
  zip_source_keep(source);
  auto* zip = zip_open_from_source(source, ZIP_TRUNCATE, &error);
  for (const auto& [name, text] : files) {
    if (name.ends_with('/')) {
      EXPECT_GE(zip_dir_add(zip, name.c_str(), 0), 0);
    } else {
      EXPECT_GE(zip_file_add(zip, name.c_str(),
                             zip_source_buffer(zip, text.data(), text.size(), 0), 0),
                0);
    }
  }
  EXPECT_EQ(zip_close(zip), 0);
  zip_source_open(source);
  zip_stat_t stat;
  zip_source_stat(source, &stat);
  std::string bytes(stat.size, '\0');
  EXPECT_EQ(zip_source_read(source, bytes.data(), bytes.size()),
            static_cast<zip_int64_t>(bytes.size()));
  zip_source_close(source);
  zip_source_free(source);
  return bytes;
}

Files records(std::string_view bytes, Status* status = nullptr, const FeedLimits& limits = {}) {
  Files out;
  const auto s = for_each_record(bytes, limits, [&](std::string_view where, std::string_view text) {
    out.emplace_back(where, text);
    return Status{};
  });
  if (status != nullptr) {
    *status = s;
  } else {
    EXPECT_TRUE(s) << s.error().message;
  }
  return out;
}

ErrorCode error_of(std::string_view bytes, const FeedLimits& limits = {}) {
  Status status;
  records(bytes, &status, limits);
  EXPECT_FALSE(status);
  return status ? ErrorCode::kInternal : status.error().code;
}

const Files kTwo = {{"line 1", "{\"a\":1}"}, {"line 3", "{\"b\":2}"}};

TEST(FeedBytes, PlainLines) {
  EXPECT_EQ(records("{\"a\":1}\n \r\n{\"b\":2}\n"), kTwo);
  EXPECT_EQ(records("{\"a\":1}\n\n{\"b\":2}"), kTwo);
  EXPECT_TRUE(records("").empty());
}

TEST(FeedBytes, GzipOfOneMemberOrSeveral) {
  const std::string text = "{\"a\":1}\n\n{\"b\":2}\n";
  EXPECT_EQ(records(gzip(text)), kTwo);
  for (std::size_t at = 0; at <= text.size(); ++at)  // Also in the middle of a line.
    EXPECT_EQ(records(gzip(text.substr(0, at)) + gzip(text.substr(at))), kTwo);
}

TEST(FeedBytes, LinesLongerThanAPieceOfUnpacking) {
  const std::string line(3u << 20, 'x');
  const auto found = records(gzip(line + "\n" + line + "\n"));
  ASSERT_EQ(found.size(), 2u);
  EXPECT_EQ(found[0].second, line);
  EXPECT_EQ(found[1].second, line);
}

TEST(FeedBytes, ZipOfOneRecordAnEntry) {
  EXPECT_EQ(records(zip_of({{"CVE-1.json", "{\"a\":\n1}"}, {"dir/", ""}, {"dir/CVE-2.json", "{}"}})),
            (Files{{"CVE-1.json", "{\"a\":\n1}"}, {"dir/CVE-2.json", "{}"}}));
  EXPECT_EQ(error_of(zip_of({{"notes.txt", "x"}})), ErrorCode::kInvalidArgument);
}

TEST(FeedBytes, EveryTruncationOfPackedDataIsSeen) {
  const auto gz = gzip("{\"a\":1}\n{\"b\":2}\n");
  for (std::size_t n = 2; n < gz.size(); ++n) EXPECT_EQ(error_of(gz.substr(0, n)), ErrorCode::kDataLoss) << n;
  const auto zip = zip_of({{"a.json", "{\"a\":1}"}});
  for (std::size_t n = 4; n < zip.size(); ++n)
    EXPECT_EQ(error_of(zip.substr(0, n)), ErrorCode::kDataLoss) << n;
}

TEST(FeedBytes, DamageIsSeenByTheChecksum) {
  auto gz = gzip("{\"a\":1}\n{\"b\":2}\n");
  gz[gz.size() - 6] ^= 1;  // In the checksum.
  EXPECT_EQ(error_of(gz), ErrorCode::kDataLoss);
  EXPECT_EQ(error_of(gzip("{}\n") + "rubbish"), ErrorCode::kDataLoss);
  auto zip = zip_of({{"a.json", "{\"a\":1}"}});
  const auto at = zip.find("{\"a\":1}");  // Too short to be worth compressing.
  ASSERT_NE(at, std::string::npos);
  zip[at + 2] ^= 1;
  EXPECT_EQ(error_of(zip), ErrorCode::kDataLoss);
}

TEST(FeedBytes, WhatUnpacksToTooMuchIsStoppedOnTheWay) {
  FeedLimits limits;
  limits.record_bytes = 1u << 20;
  limits.total_bytes = 4u << 20;
  const std::string line(8u << 20, '0');
  EXPECT_EQ(error_of(gzip(line), limits), ErrorCode::kResourceExhausted);
  EXPECT_EQ(error_of(zip_of({{"a.json", line}}), limits), ErrorCode::kResourceExhausted);
  // Many records, each small.
  std::string lines;
  for (int i = 0; i < 100; ++i) lines += std::string(100'000, '0') + '\n';
  EXPECT_EQ(error_of(gzip(lines), limits), ErrorCode::kResourceExhausted);
  EXPECT_EQ(error_of(lines, limits), ErrorCode::kResourceExhausted);
  Files many;
  for (int i = 0; i < 50; ++i) many.emplace_back(std::to_string(i) + ".json", std::string(100'000, '0'));
  EXPECT_EQ(error_of(zip_of(many), limits), ErrorCode::kResourceExhausted);
  limits.records = 49;
  limits.total_bytes = 1u << 30;
  EXPECT_EQ(error_of(zip_of(many), limits), ErrorCode::kResourceExhausted);
}

TEST(FeedBytes, RecordsUpToTheLimitPass) {
  FeedLimits limits;
  limits.record_bytes = 10;
  Status status;
  EXPECT_EQ(records("0123456789\n", &status, limits).size(), 1u);
  EXPECT_TRUE(status);
  EXPECT_EQ(error_of("01234567890\n", limits), ErrorCode::kResourceExhausted);
}

TEST(FeedBytes, TheSinksErrorStopsTheReading) {
  int seen = 0;
  const auto status = for_each_record("{}\n{}\n", {}, [&](std::string_view, std::string_view) -> Status {
    ++seen;
    return fail(ErrorCode::kConflict, "enough");
  });
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, ErrorCode::kConflict);
  EXPECT_EQ(seen, 1);
}

}  // namespace
}  // namespace postern::vuln
