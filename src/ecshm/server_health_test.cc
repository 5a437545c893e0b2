#include "ecshm/server_health.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>

namespace postern::ecshm {
namespace {

class ServerHealth : public testing::Test {
 protected:
  ServerHealth() {
    char name[] = "/tmp/server-health-XXXXXX";
    dir_ = mkdtemp(name);
    reader_.emplace(dir_);
  }
  ~ServerHealth() override { std::filesystem::remove_all(dir_); }
  std::unique_ptr<HealthWriter> writer() {
    auto made = HealthWriter::open(dir_, static_cast<gid_t>(-1));
    EXPECT_TRUE(made);
    return made ? std::move(*made) : nullptr;
  }
  ServerState seen(std::uint32_t number) { return reader_->state(number, places_[number]); }

  std::filesystem::path dir_;
  std::optional<HealthReader> reader_;
  std::map<std::uint32_t, HealthReader::Place> places_;
};

TEST_F(ServerHealth, WhatNobodyHasSaidIsUnknown) {
  reader_->look();
  EXPECT_EQ(seen(7), ServerState::kUnknown) << "no file";
  const auto w = writer();
  EXPECT_EQ(seen(7), ServerState::kUnknown) << "not looked yet";
  reader_->look();
  EXPECT_EQ(seen(7), ServerState::kUnknown) << "no word";
  ASSERT_TRUE(w->set(7, ServerState::kDown));
  EXPECT_EQ(seen(7), ServerState::kDown);
  EXPECT_EQ(seen(8), ServerState::kUnknown);
  ASSERT_TRUE(w->set(8, ServerState::kUp));
  EXPECT_EQ(seen(8), ServerState::kUp);
  ASSERT_TRUE(w->set(7, ServerState::kUp));
  EXPECT_EQ(seen(7), ServerState::kUp);
}

TEST_F(ServerHealth, ItsFileHasItsRoomOnTheDisk) {
  // Of a sparse file, a write to a page that the disk has no room for ends the process: it has to fail when it is made.
  const auto w = writer();
  struct stat st {};
  ASSERT_EQ(stat((dir_ / kHealthFile).c_str(), &st), 0);
  EXPECT_GE(st.st_size, static_cast<off_t>(kHealthWords * sizeof(std::uint64_t)));
  EXPECT_GE(st.st_blocks * 512, st.st_size);
}

TEST_F(ServerHealth, WhereThereIsNoRoomItSaysSo) {
  struct Limit {
    rlimit before{};
    Limit() {
      signal(SIGXFSZ, SIG_IGN);
      getrlimit(RLIMIT_FSIZE, &before);
      rlimit little = before;
      little.rlim_cur = 4096;
      setrlimit(RLIMIT_FSIZE, &little);
    }
    ~Limit() {
      setrlimit(RLIMIT_FSIZE, &before);
      signal(SIGXFSZ, SIG_DFL);
    }
  };
  {
    const Limit limit;
    const auto made = HealthWriter::open(dir_, static_cast<gid_t>(-1));
    ASSERT_FALSE(made);
    EXPECT_NE(made.error().message.find((dir_ / kHealthFile).native()), std::string::npos) << made.error().message;
  }
  EXPECT_TRUE(std::filesystem::is_empty(dir_)) << "nothing half is left";
  EXPECT_TRUE(writer());
}

TEST_F(ServerHealth, TheNextGatewayGoesOnWithTheSameFile) {
  auto w = writer();
  reader_->look();
  w->set(7, ServerState::kDown);
  w.reset();
  EXPECT_EQ(seen(7), ServerState::kDown) << "no gateway: what it said last";
  w = writer();
  EXPECT_EQ(w->state(7), ServerState::kDown);
  w->set(7, ServerState::kUp);
  EXPECT_EQ(seen(7), ServerState::kUp);
}

TEST_F(ServerHealth, AnotherFileInItsSteadIsFound) {
  auto w = writer();
  reader_->look();
  w->set(7, ServerState::kDown);
  EXPECT_EQ(seen(7), ServerState::kDown);
  w.reset();
  std::filesystem::remove(dir_ / kHealthFile);
  w = writer();
  reader_->look();
  EXPECT_EQ(seen(7), ServerState::kUnknown);
  w->set(9, ServerState::kUp);
  w->set(7, ServerState::kDown);
  EXPECT_EQ(seen(7), ServerState::kDown);
}

TEST_F(ServerHealth, AFileOfSomethingElseIsReplacedAndNotRead) {
  std::ofstream(dir_ / kHealthFile) << "something else";
  reader_->look();
  EXPECT_EQ(seen(7), ServerState::kUnknown);
  const auto w = writer();
  w->set(7, ServerState::kDown);
  reader_->look();
  EXPECT_EQ(seen(7), ServerState::kDown);
}

TEST_F(ServerHealth, WordsOfServersThatWereTakenOutAreUsedWhenNoOtherIsLeft) {
  const auto w = writer();
  reader_->look();
  for (std::uint32_t n = 1; n < kHealthWords; ++n) ASSERT_TRUE(w->set(n, ServerState::kUp));
  ASSERT_TRUE(w->set(5, ServerState::kRemoved));
  ASSERT_TRUE(w->set(100'000, ServerState::kDown)) << "the last free one";
  EXPECT_EQ(seen(5), ServerState::kRemoved);
  ASSERT_TRUE(w->set(100'001, ServerState::kDown));
  EXPECT_EQ(seen(5), ServerState::kUnknown);
  EXPECT_EQ(seen(100'001), ServerState::kDown);
  EXPECT_FALSE(w->set(100'002, ServerState::kDown));
  EXPECT_EQ(seen(100'002), ServerState::kUnknown);
}

}  // namespace
}  // namespace postern::ecshm
