#include "ems/feeds/store.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <fstream>

#include "base/file.h"

namespace postern::ems {
namespace {

namespace fs = std::filesystem;

constexpr const char* kScores = "cve,epss,percentile\nCVE-2024-0001,0.5,0.5\n";

const std::string kBlanks(1u << 20, ' ');  // so that nobody sees at the beginning what comes behind

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

TEST_F(FeedStoreTest, WhatIsTooLargeIsRefusedUnread) {
  write("source", kScores);
  ASSERT_TRUE(take_feed("a", dir_ / "source", dir_ / "copy"));
  write("large", R"({"openssl":{"CVE-2024-0001":{)" + kBlanks);
  fs::resize_file(dir_ / "large", kMaxFeedFile + 1);
  const auto refused = take_feed("a", dir_ / "large", dir_ / "copy");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kResourceExhausted);
  EXPECT_EQ(refused.error().message, "feed a: the file has 1073741825 bytes; a feed has at most 1073741824 (1 GiB)");
  EXPECT_EQ(held(), kScores);
}

#ifndef __SANITIZE_ADDRESS__
/// While it lives, allocating more than so much fails.
struct LittleMemory {
  explicit LittleMemory(rlim_t more) {
    ::getrlimit(RLIMIT_DATA, &before);
    std::ifstream status("/proc/self/status");
    rlim_t kib = 0;
    for (std::string word; status >> word;) {
      if (word == "VmData:") status >> kib;
    }
    const rlimit little{kib * 1024 + more, before.rlim_max};
    ::setrlimit(RLIMIT_DATA, &little);
  }
  ~LittleMemory() { ::setrlimit(RLIMIT_DATA, &before); }
  rlimit before{};
};

TEST_F(FeedStoreTest, WhatOnlyBeginsAsAFeedTakesNoMemoryForTheRest) {
  write("source", kScores);
  ASSERT_TRUE(take_feed("a", dir_ / "source", dir_ / "copy"));
  for (const bool ours : {false, true}) {
    for (const char* beginning : {R"({"id":"DSA-1")", R"({"openssl":{"CVE-2024-0001":{)", "cve,epss,percentile\n"}) {
      write("long", beginning + kBlanks);
      fs::resize_file(dir_ / "long", 160u << 20);
      const LittleMemory little(96u << 20);
      const auto refused = take_feed("a", dir_ / "long", dir_ / "copy", "", ours);
      ASSERT_FALSE(refused) << beginning;
      EXPECT_TRUE(refused.error().message.starts_with("feed a: ")) << refused.error().message;
      EXPECT_EQ(held(), kScores);
      EXPECT_FALSE(fs::exists(dir_ / "copy.new"));
    }
  }
}
#endif

TEST_F(FeedStoreTest, AnotherKindIsRefused) {
  write("source", kScores);
  ASSERT_TRUE(take_feed("a", dir_ / "source", dir_ / "copy", "epss"));
  write("other", R"({"title":"T","catalogVersion":"1","count":1,"vulnerabilities":[{"cveID":"CVE-2024-0001","dateAdded":"2025-08-25"}]})");
  for (const bool ours : {false, true}) {
    const auto refused = take_feed("a", dir_ / "other", dir_ / "copy", "epss", ours);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::kConflict);
    EXPECT_EQ(refused.error().message,
              "feed a: it was epss, and is kev now: give the feed's own file, or delete the feed and add it anew");
    EXPECT_EQ(held(), kScores);
    EXPECT_FALSE(fs::exists(dir_ / "copy.new"));
  }
  // What is broken is that, and not of another kind.
  write("source", "<html>captive portal</html>\n");
  EXPECT_EQ(take_feed("a", dir_ / "source", dir_ / "copy", "epss").error().code, ErrorCode::kInvalidArgument);
}

TEST_F(FeedStoreTest, WhatHoldsNothingIsSpokenOfAsWhatTheFeedIs) {
  const std::string gzip_of_nothing("\x1f\x8b\x08\0\0\0\0\0\0\x03\x03\0\0\0\0\0\0\0\0\0", 20);
  for (const std::string& nothing : {std::string(), std::string(" \n\n"), gzip_of_nothing}) {
    write("source", nothing);
    for (const char* kind : {"", "osv", "kev"}) {
      EXPECT_EQ(take_feed("a", dir_ / "source", dir_ / "copy", kind).error().message,
                "feed a: the file is empty; give the whole file");
    }
  }
  write("source", "{}\n");
  EXPECT_TRUE(take_feed("a", dir_ / "source", dir_ / "copy", "kev").error().message.starts_with(
      "feed a: it holds no vulnerability; CISA's catalogue has them under \"vulnerabilities\""));
  EXPECT_TRUE(take_feed("a", dir_ / "source", dir_ / "copy").error().message.starts_with("feed a: it holds no OSV record"));
}

TEST_F(FeedStoreTest, ADownloadBecomesTheCopyItself) {
  write("part", kScores);
  ASSERT_TRUE(take_feed("a", dir_ / "part", dir_ / "copy", "", true)->changed);
  EXPECT_EQ(held(), kScores);
  EXPECT_FALSE(fs::exists(dir_ / "part"));
}

TEST_F(FeedStoreTest, WhatIsNoFileIsRefused) {
  ASSERT_EQ(::mkfifo((dir_ / "pipe").c_str(), 0600), 0);
  EXPECT_EQ(take_feed("a", dir_ / "pipe", dir_ / "copy").error().code, ErrorCode::kUnsupported);
  EXPECT_EQ(take_feed("a", dir_, dir_ / "copy").error().code, ErrorCode::kUnsupported);
}

TEST_F(FeedStoreTest, ADirectoryStandsForTheFilesInIt) {
  fs::create_directories(dir_ / "feeds" / "sub");
  for (const char* name : {"feeds/b", "feeds/a", "feeds/.hidden", "feeds/sub/c"}) write(name, "x");
  ASSERT_EQ(::mkfifo((dir_ / "feeds/pipe").c_str(), 0600), 0);
  fs::create_symlink("a", dir_ / "feeds/link");
  fs::create_symlink("none", dir_ / "feeds/dangling");
  const auto given = feeds_given(dir_ / "feeds");
  ASSERT_TRUE(given) << given.error().message;
  const auto within = [&](std::initializer_list<const char*> names) {
    std::vector<std::string> out;
    for (const char* name : names) out.push_back((dir_ / "feeds" / name).string());
    return out;
  };
  EXPECT_EQ(given->files, within({"a", "b", "link"}));
  EXPECT_EQ(given->passed, within({"dangling", "pipe", "sub"}));
  EXPECT_EQ(feeds_given(dir_ / "feeds" / ".." / "one")->files, std::vector<std::string>{(dir_ / "one").string()});
}

TEST_F(FeedStoreTest, WhatBelongsToNoFeedIsDropped) {
  write(feed_file("", "kept").string(), "x");
  write(feed_file("", "gone").string(), "x");
  write(feed_part_file("", "kept").string(), "x");
  write(feed_file("", "kept").string() + ".new", "x");
  write("other", "x");
  drop_other_feed_files(dir_, {"kept"});
  EXPECT_TRUE(fs::exists(feed_file(dir_, "kept")));
  EXPECT_FALSE(fs::exists(feed_file(dir_, "gone")));
  EXPECT_FALSE(fs::exists(feed_part_file(dir_, "kept")));
  EXPECT_FALSE(fs::exists(feed_file(dir_, "kept").string() + ".new"));
  EXPECT_TRUE(fs::exists(dir_ / "other"));
}

}  // namespace
}  // namespace postern::ems
