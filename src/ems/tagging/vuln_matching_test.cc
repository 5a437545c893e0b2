#include "ems/tagging/vuln_matching.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "base/hex.h"
#include "base/sha256.h"
#include "vuln/inventory.h"

namespace postern::ems {
namespace {

namespace fs = std::filesystem;

constexpr const char* kInventory =
    "postern-inventory 1\ndistro debian 12\nliba1 amd64 1-1+b1 a 1-1\n"
    "linux-image-6.1.0-9-amd64 amd64 6.1.27-1 linux-signed-amd64 6.1.27+1\n";

std::string record(std::string_view cve, std::string_view source, std::string_view score) {
  return std::string(R"({"id":"DEBIAN-)").append(cve).append(R"(","upstream":[")").append(cve)
      .append(R"("],"affected":[{"package":{"ecosystem":"Debian:12","name":")").append(source)
      .append(R"("},"ranges":[{"type":"ECOSYSTEM","events":[{"introduced":"0"},{"fixed":"9"}]}]}],)")
      .append(R"("database_specific":{"cvss3_base":)").append(score).append("}}\n");
}

class VulnMatchingTest : public ::testing::Test {
 protected:
  VulnMatchingTest() {
    std::string name = (fs::temp_directory_path() / "postern-feeds-XXXXXX").native();
    dir_ = ::mkdtemp(name.data());
    write("one", record("CVE-2024-0001", "a", "9.8"));
    write("two", record("CVE-2024-0002", "linux", "7.5"));
  }
  ~VulnMatchingTest() override { fs::remove_all(dir_); }

  void write(const std::string& name, const std::string& text) { std::ofstream(dir_ / name) << text; }
  FeedFile file(const std::string& name) {
    Feed feed;
    feed.name = name;
    return {feed, dir_ / name};
  }
  LoadedFeeds load(std::shared_ptr<const Matching> in_force = nullptr) {
    return load_matching({file("one"), file("two")}, clock_, std::move(in_force));
  }

  fs::path dir_;
  WallTime clock_ = from_unix_ms(1'780'000'000'000);
};

TEST_F(VulnMatchingTest, MatchesAnAgentsInventoryWithItsKernel) {
  const auto loaded = load();
  ASSERT_TRUE(loaded.matching);
  ASSERT_EQ(loaded.feeds.size(), 2u);
  EXPECT_EQ(loaded.feeds[1].name, "two");
  EXPECT_EQ(loaded.feeds[1].kind, "osv");
  EXPECT_EQ(loaded.feeds[1].loaded_at, clock_);
  EXPECT_EQ(loaded.feeds[1].records, 1u);
  EXPECT_EQ(loaded.feeds[1].error, "");
  auto result = loaded.matching->match(kInventory, "6.1.0-9-amd64");
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_TRUE(result->covered);
  EXPECT_EQ(result->counts.critical, 1u);
  EXPECT_EQ(result->counts.high, 1u);
  EXPECT_EQ(result->kernel, "kernel: linux-image-6.1.0-9-amd64");
  ASSERT_EQ(result->findings.size(), 2u);
  EXPECT_EQ(result->findings[0].cve, "CVE-2024-0001");
  EXPECT_EQ(result->findings[0].version, "1-1+b1");
  EXPECT_EQ(result->findings[0].severity, "critical");
  result = loaded.matching->match(kInventory, "6.18.44-own");
  ASSERT_TRUE(result);
  EXPECT_EQ(result->counts.high, 0u);
  EXPECT_EQ(result->kernel, "kernel: not of the distribution");
  EXPECT_FALSE(loaded.matching->match("rubbish", ""));
}

TEST_F(VulnMatchingTest, AnotherDistributionIsNotCovered) {
  const auto result = load().matching->match("postern-inventory 1\ndistro fedora 39\na all 1 a 1\n", "");
  ASSERT_TRUE(result);
  EXPECT_FALSE(result->covered);
}

TEST_F(VulnMatchingTest, AVersionThatIsNoneIsSaid) {
  const auto loaded = load();
  const std::string text = "postern-inventory 1\ndistro debian 12\nliba1 amd64 ! a !\n";
  EXPECT_EQ(loaded.matching->match(text, "")->unjudged, "a: its version ! is none of its distribution");
  EXPECT_EQ(loaded.matching->summary(vuln::inventory_hash(text), "")->unjudged, "a: its version ! is none of its distribution");
}

TEST_F(VulnMatchingTest, AFileThatCannotBeReadLeavesTheOthersAtTheFirstStart) {
  write("one", "\x1f\x8b rubbish");
  const auto loaded = load();
  ASSERT_TRUE(loaded.matching);
  EXPECT_NE(loaded.feeds[0].error.find("damaged"), std::string::npos) << loaded.feeds[0].error;
  EXPECT_EQ(loaded.matching->match(kInventory, "6.1.0-9-amd64")->counts.high, 1u);
  fs::remove(dir_ / "one");
  fs::remove(dir_ / "two");
  const auto none = load();
  EXPECT_FALSE(none.matching);
  EXPECT_NE(none.feeds[1].error, "");
}

TEST_F(VulnMatchingTest, AFileThatIsNotWhatItsRowRemembersIsDamaged) {
  const auto first = load();
  auto one = file("one");
  one.feed = first.feeds[0];
  EXPECT_EQ(one.feed.sha256, to_hex_lower(sha256(record("CVE-2024-0001", "a", "9.8"))));
  EXPECT_TRUE(load_matching({one}, clock_).matching);
  write("one", record("CVE-2024-0001", "a", "1.8"));  // as good a feed as before
  const auto damaged = load_matching({one, file("two")}, clock_);
  EXPECT_EQ(damaged.damaged, std::set<std::string>{"one"});
  EXPECT_EQ(damaged.feeds[0].error,
            "feed one: the copy in the data directory was changed or cut; fetch it again (POST feeds/refresh)");
  EXPECT_EQ(damaged.feeds[0].sha256, one.feed.sha256);
  EXPECT_EQ(damaged.feeds[0].loaded_at, WallTime());
  EXPECT_EQ(damaged.matching->match(kInventory, "")->counts.low, 0u);
}

TEST_F(VulnMatchingTest, AFileThatCannotBeReadAgainChangesNothing) {
  const auto first = load();
  write("one", "");
  const auto second = load(first.matching);
  EXPECT_EQ(second.matching, first.matching);
  EXPECT_NE(second.feeds[0].error.find("the feeds read before stay in use"), std::string::npos);
  EXPECT_EQ(second.feeds[1].error, "");
  write("one", record("CVE-2024-0003", "a", "5"));
  const auto third = load(second.matching);
  ASSERT_TRUE(third.matching);
  EXPECT_NE(third.matching, first.matching);
  EXPECT_EQ(third.matching->match(kInventory, "")->counts.critical, 0u);
}

TEST_F(VulnMatchingTest, WhatOneRemembersMisleadsNoneThatFollows) {
  const auto first = load();
  EXPECT_EQ(first.matching->match(kInventory, "")->counts.critical, 1u);
  write("one", record("CVE-2024-0001", "a", "5"));
  const auto second = load(first.matching);
  write("one", record("CVE-2024-0003", "b", "5"));
  const auto third = load(second.matching);
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(third.matching->match(kInventory, "6.1.0-9-amd64")->findings.size(), 1u);
    EXPECT_EQ(second.matching->match(kInventory, "")->counts.medium, 1u);
    EXPECT_EQ(first.matching->match(kInventory, "")->counts.critical, 1u);
  }
}

TEST_F(VulnMatchingTest, ANewFeedSaysOfWhichInventoriesItSaysTheSame) {
  const std::string other = "postern-inventory 1\ndistro debian 12\nb all 1 b 1\n";
  const auto a = vuln::inventory_hash(kInventory), b = vuln::inventory_hash(other);
  const auto first = load();
  EXPECT_TRUE(first.matching->match(kInventory, ""));
  EXPECT_TRUE(first.matching->match(other, ""));
  EXPECT_TRUE(first.matching->says_the_same(*first.matching, a));
  write("one", record("CVE-2024-0001", "a", "5"));
  const auto second = load(first.matching);
  EXPECT_FALSE(second.matching->says_the_same(*first.matching, a));
  EXPECT_TRUE(second.matching->says_the_same(*first.matching, b));
  EXPECT_FALSE(second.matching->says_the_same(*first.matching, vuln::inventory_hash("never matched")));
  write("one", record("CVE-2024-0001", "a", "5") + record("CVE-2024-0009", "b", "5"));
  const auto third = load(second.matching);
  EXPECT_TRUE(third.matching->says_the_same(*second.matching, a));
  EXPECT_FALSE(third.matching->says_the_same(*first.matching, a));
  EXPECT_FALSE(third.matching->says_the_same(*second.matching, b));
  third.matching->forget(a);
  EXPECT_FALSE(third.matching->says_the_same(*second.matching, a));
  EXPECT_FALSE(third.matching->says_the_same(*load().matching, b));  // nothing to do with one another
}

TEST_F(VulnMatchingTest, ASummaryIsTheMatchWithoutItsFindings) {
  const auto hash = vuln::inventory_hash(kInventory);
  const std::vector<std::string> asked{"CVE-2024-0002", "CVE-2024-0001", "CVE-2024-0009"};
  const auto first = load();
  EXPECT_FALSE(first.matching->summary(hash, ""));
  EXPECT_FALSE(first.matching->open_among(asked, hash, ""));
  write("one", record("CVE-2024-0001", "a", "5"));
  const auto second = load(first.matching);
  // Once it was matched, by whichever and with whatever kernel, each says it by its own feeds.
  ASSERT_TRUE(first.matching->match(kInventory, ""));
  for (const auto* matching : {second.matching.get(), first.matching.get()}) {
    for (const auto* release : {"", "6.1.0-9-amd64", "6.18.44-own"}) {
      const auto summary = matching->summary(hash, release);
      ASSERT_TRUE(summary) << release;
      const auto whole = matching->match(kInventory, release);
      EXPECT_EQ(summary->counts, whole->counts) << release;
      EXPECT_EQ(summary->covered, whole->covered);
      EXPECT_EQ(summary->total, whole->total) << release;
      EXPECT_EQ(summary->kev, whole->kev);
      EXPECT_EQ(summary->max_cvss_tenths, whole->max_cvss_tenths) << release;
      EXPECT_EQ(summary->max_epss, whole->max_epss);
      EXPECT_EQ(summary->kernel, whole->kernel);
      const auto open = matching->open_among(asked, hash, release);
      EXPECT_EQ(open->size(), whole->cves.size()) << release;
    }
  }
  EXPECT_EQ(second.matching->summary(hash, "6.1.0-9-amd64")->max_cvss_tenths, 75);
  EXPECT_EQ(first.matching->summary(hash, "6.1.0-9-amd64")->max_cvss_tenths, 98);
  EXPECT_EQ(first.matching->open_among(asked, hash, "6.1.0-9-amd64"),
            (std::vector<std::string>{"CVE-2024-0002", "CVE-2024-0001"}));
}

}  // namespace
}  // namespace postern::ems
