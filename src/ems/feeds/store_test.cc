#include "ems/feeds/store.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <fstream>

#include "base/file.h"

namespace postern::ems {
namespace {

namespace fs = std::filesystem;

constexpr const char* kScores = "cve,epss,percentile\nCVE-2024-0001,0.5,0.5\n";

class FeedStoreTest : public ::testing::Test {
 protected:
  FeedStoreTest() {
    std::string name = (fs::temp_directory_path() / "postern-feed-store-XXXXXX").native();
    dir_ = ::mkdtemp(name.data());
  }
  ~FeedStoreTest() override { fs::remove_all(dir_); }
  void write(const std::string& name, std::string_view text) { std::ofstream(dir_ / name) << text; }
  std::string held() { return read_file(dir_ / "copy", 1u << 20).value_or("nothing"); }

  fs::path dir_;
};

TEST_F(FeedStoreTest, OnlyWhatReadsAsAFeedTakesThePlaceOfTheCopy) {
  write("source", kScores);
  auto taken = take_feed("a", dir_ / "source", dir_ / "copy");
  ASSERT_TRUE(taken) << taken.error().message;
  EXPECT_TRUE(taken->changed);
  EXPECT_EQ(taken->bytes, std::string_view(kScores).size());
  EXPECT_EQ(held(), kScores);
  taken = take_feed("a", dir_ / "source", dir_ / "copy");
  ASSERT_TRUE(taken);
  EXPECT_FALSE(taken->changed);
  for (const char* broken : {"", "<html>captive portal</html>\n", "cve,epss,percentile\n", "\x1f\x8b cut"}) {
    write("source", broken);
    const auto refused = take_feed("a", dir_ / "source", dir_ / "copy");
    EXPECT_FALSE(refused) << broken;
    EXPECT_EQ(held(), kScores);
  }
  EXPECT_EQ(take_feed("a", dir_ / "none", dir_ / "copy").error().code, ErrorCode::kNotFound);
  EXPECT_EQ(held(), kScores);
}

TEST_F(FeedStoreTest, ALongOneIsTakenOnceAndReadAgainOnlyWhenItIsAnother) {
  std::string scores = kScores;
  for (int i = 10'000; scores.size() < 200'000; ++i) scores += "CVE-2024-" + std::to_string(i) + ",0.5,0.5\n";
  write("source", scores);
  ASSERT_TRUE(take_feed("a", dir_ / "source", dir_ / "copy")->changed);
  auto taken = take_feed("a", dir_ / "source", dir_ / "copy");
  ASSERT_TRUE(taken) << taken.error().message;
  EXPECT_FALSE(taken->changed);
  EXPECT_EQ(taken->bytes, scores.size());
  scores[scores.size() - 3] = '4';  // as long as before
  write("source", scores);
  taken = take_feed("a", dir_ / "source", dir_ / "copy");
  ASSERT_TRUE(taken) << taken.error().message;
  EXPECT_TRUE(taken->changed);
  EXPECT_EQ(held(), scores);
}

TEST_F(FeedStoreTest, WhatBeginsAsNoFeedIsNotReadToItsEnd) {
  write("source", kScores);
  ASSERT_TRUE(take_feed("a", dir_ / "source", dir_ / "copy"));
  write("zeros", "");
  fs::resize_file(dir_ / "zeros", 2 * kMaxFeedFile);  // zeros that are nowhere on the disk; read, they are over the limit
  const auto refused = take_feed("a", dir_ / "zeros", dir_ / "copy");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(refused.error().message,
            "feed a: it begins as no feed does: it is neither JSON nor EPSS's table, plain, gzipped or in a zip");
  EXPECT_EQ(held(), kScores);
}

TEST_F(FeedStoreTest, ADirectoryStandsForTheFilesInIt) {
  fs::create_directories(dir_ / "feeds" / "sub");
  for (const char* name : {"feeds/b", "feeds/a", "feeds/.hidden", "feeds/sub/c"}) write(name, "x");
  const auto given = feeds_given(dir_ / "feeds");
  ASSERT_TRUE(given) << given.error().message;
  EXPECT_EQ(*given, (std::vector<std::string>{(dir_ / "feeds/a").string(), (dir_ / "feeds/b").string()}));
  EXPECT_EQ(*feeds_given(dir_ / "feeds" / ".." / "one"), std::vector<std::string>{(dir_ / "one").string()});
}

TEST_F(FeedStoreTest, WhatBelongsToNoFeedIsDropped) {
  write(feed_file("", "kept").string(), "x");
  write(feed_file("", "gone").string(), "x");
  write(feed_part_file("", "kept").string(), "x");
  write("other", "x");
  drop_other_feed_files(dir_, {"kept"});
  EXPECT_TRUE(fs::exists(feed_file(dir_, "kept")));
  EXPECT_FALSE(fs::exists(feed_file(dir_, "gone")));
  EXPECT_FALSE(fs::exists(feed_part_file(dir_, "kept")));
  EXPECT_TRUE(fs::exists(dir_ / "other"));
}

}  // namespace
}  // namespace postern::ems
