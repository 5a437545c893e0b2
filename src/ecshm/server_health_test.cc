#include "ecshm/server_health.h"

#include <gtest/gtest.h>

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
