#include "agent/shell/place_watch.h"

#include <gmock/gmock.h>
#include <stdlib.h>

#include <filesystem>
#include <set>
#include <string>

#include "agent/shell/loop_lab.h"
#include "base/file.h"
#include "net/loop.h"

namespace postern::agent {
namespace {

namespace fs = std::filesystem;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Not;

class PlaceWatchTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "postern-places-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    directory_ = name;
  }
  ~PlaceWatchTest() override { fs::remove_all(directory_); }

  std::string place(const std::string& name) const { return (directory_ / name).string(); }
  /// Who is told when this changes, as soon as `last` is.
  std::set<std::string> told_of(const std::string& name, const std::string& last) {
    told_.clear();
    EXPECT_TRUE(write_file_atomic(place(name), "x"));
    run_until(loop_, "a change that is told", [&] { return told_.contains(last); });
    return told_;
  }

  fs::path directory_;
  net::Loop loop_;
  std::set<std::string> told_;
  PlaceWatch watch_{loop_, [this](const std::string& reader) { told_.insert(reader); }};
};

TEST_F(PlaceWatchTest, WhoReadsAPlaceIsToldOfIt) {
  watch_.watch("a", {place("x")});
  watch_.watch("b", {place("x"), place("y")});
  ASSERT_TRUE(watch_.complete());
  EXPECT_THAT(told_of("y", "b"), ElementsAre("b"));
  EXPECT_THAT(told_of("x", "b"), ElementsAre("a", "b"));
  watch_.watch("b", {place("y")});
  EXPECT_THAT(told_of("x", "a"), ElementsAre("a"));
  watch_.forget("b");
  watch_.watch("c", {place("y")});
  EXPECT_THAT(told_of("y", "c"), Not(Contains("b")));
}

TEST_F(PlaceWatchTest, WhereTheKernelSendsNoEventsIsKnown) {
  watch_.watch("a", {place("x")});
  watch_.watch("b", {place("x"), "/proc/self/status"});
  EXPECT_FALSE(watch_.reader("a").blind);
  EXPECT_TRUE(watch_.reader("b").blind);
  EXPECT_EQ(watch_.why_looked_at(true), "a file system that sends no events");
  EXPECT_EQ(watch_.why_looked_at(false), "the limit of inotify watches is reached");
  watch_.watch("b", {place("x")});
  EXPECT_FALSE(watch_.reader("b").blind);
  watch_.forget("b");
  EXPECT_THAT(watch_.reader("b").places, IsEmpty());
  EXPECT_THAT(watch_.reader("a").places, ElementsAre(place("x")));
}

}  // namespace
}  // namespace postern::agent
