#include "ems/store/store.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>

#include "ems/store/memory_store.h"
#include "ems/store/sqlite_store.h"

namespace postern::ems {
namespace {

class Directory {
 public:
  Directory() {
    std::string name = (std::filesystem::temp_directory_path() / "postern-store-XXXXXX").string();
    path_ = ::mkdtemp(name.data());
  }
  ~Directory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  std::filesystem::path file() const { return path_ / "ems.db"; }

 private:
  std::filesystem::path path_;
};

WallTime at(std::int64_t ms) { return from_unix_ms(ms); }

Batch put(TableId table, std::string key, std::string value, std::int64_t ms = 1000) {
  Batch batch;
  batch.at = at(ms);
  batch.changes.push_back({"kind", key, R"({"n":1})", "undo"});
  batch.rows.push_back({table, std::move(key), std::move(value)});
  return batch;
}

std::map<std::string, std::string> rows(const Store& store) {
  std::map<std::string, std::string> out;
  EXPECT_TRUE(store.load([&](TableId table, std::string_view key, std::string_view value) -> Status {
    out[std::string(table_name(table)) + ":" + std::string(key)] = value;
    return {};
  }));
  return out;
}

class StoreTest : public ::testing::TestWithParam<bool> {
 protected:
  void SetUp() override {
    if (GetParam()) {
      auto opened = open_sqlite_store(directory_.file(), random_);
      ASSERT_TRUE(opened) << opened.error().message;
      store_ = std::move(*opened);
    } else {
      store_ = std::make_unique<MemoryStore>(7);
    }
  }
  Directory directory_;
  SeededRandom random_{1};
  std::unique_ptr<Store> store_;
};

INSTANTIATE_TEST_SUITE_P(Stores, StoreTest, ::testing::Bool(),
                         [](const auto& info) { return info.param ? "Sqlite" : "Memory"; });

TEST_P(StoreTest, KeepsRowsAndNumbersChanges) {
  EXPECT_NE(store_->position()->epoch, 0u);
  EXPECT_EQ(store_->position()->revision, 0u);
  const std::string binary("\0\xff' OR 1=1 --", 12);
  auto batch = put(TableId::kFacts, "a", binary);
  batch.rows.push_back({TableId::kTags, "a", "other table"});
  batch.changes.push_back({"kind", "b", "{}", ""});
  batch.audit.push_back({0, at(5), "admin", "127.0.0.1", "x.y", "o", "d"});
  EXPECT_EQ(store_->commit(batch).value(), 2u);
  EXPECT_EQ(store_->commit(put(TableId::kFacts, "c", "3")).value(), 3u);
  EXPECT_EQ(rows(*store_),
            (std::map<std::string, std::string>{{"facts:a", binary}, {"facts:c", "3"}, {"tags:a", "other table"}}));
  EXPECT_EQ(store_->get(TableId::kFacts, "a").value(), binary);
  EXPECT_EQ(store_->get(TableId::kFacts, "zz").value(), std::nullopt);

  Batch removal;
  removal.rows.push_back({TableId::kFacts, "a", std::nullopt});
  EXPECT_EQ(store_->commit(removal).value(), 3u);  // no numbered change, no new revision
  EXPECT_FALSE(rows(*store_).contains("facts:a"));

  const auto changes = store_->changes(1, 10, "").value();
  ASSERT_EQ(changes.size(), 2u);
  EXPECT_EQ(changes[0].change.revision, 2u);
  EXPECT_EQ(changes[0].change.key, "b");
  EXPECT_EQ(store_->changes(0, 1, "").value().size(), 1u);
  EXPECT_EQ(store_->changes(0, 10, "c").value().size(), 1u);
  const auto history = store_->history("a", 0, 10).value();
  ASSERT_EQ(history.size(), 1u);
  EXPECT_EQ(history[0].undo, "undo");
  EXPECT_EQ(history[0].change.at, at(1000));
  EXPECT_TRUE(store_->history("a", 1, 10).value().empty());
  const auto audit = store_->audit(0, 10).value();
  ASSERT_EQ(audit.size(), 1u);
  EXPECT_EQ(audit[0].action, "x.y");
  EXPECT_NE(audit[0].id, 0u);
  EXPECT_EQ(store_->audit_size(), 1u);
}

TEST_P(StoreTest, ChangesOfAllTagsAreReadBackwardsWithoutTheRest) {
  for (const char* key : {"a", "b", "c"}) {
    Batch batch = put(TableId::kFacts, "k", "v");
    batch.changes.push_back({std::string(kTagChange), key, "{}", "was"});
    ASSERT_TRUE(store_->commit(batch));
  }
  const auto newest = store_->tag_history(0, 2).value();
  ASSERT_EQ(newest.size(), 2u);
  EXPECT_EQ(newest[0].change.key, "c");
  EXPECT_EQ(newest[1].change.key, "b");
  EXPECT_EQ(newest[1].undo, "was");
  const auto rest = store_->tag_history(newest[1].change.revision, 2).value();
  ASSERT_EQ(rest.size(), 1u);
  EXPECT_EQ(rest[0].change.key, "a");
}

TEST_P(StoreTest, TheAuditLogKnowsItsSize) {
  for (int i = 1; i <= 5; ++i) {
    Batch batch = put(TableId::kFacts, "k", "v", i * 100);
    batch.audit.push_back({0, at(i * 100), "admin", "", "x.y", "o", ""});
    ASSERT_TRUE(store_->commit(batch));
  }
  EXPECT_EQ(store_->audit_size(), 5u);
  ASSERT_TRUE(store_->prune(at(0), at(350), 2));
  EXPECT_EQ(store_->audit_size(), 3u);
  ASSERT_TRUE(store_->prune(at(0), at(350), 100));
  EXPECT_EQ(store_->audit_size(), 2u);
  EXPECT_EQ(store_->audit(0, 10)->size(), 2u);
}

TEST_P(StoreTest, PruningDropsTheOldestAndSaysWhereTheLogBegins) {
  for (int i = 1; i <= 5; ++i) ASSERT_TRUE(store_->commit(put(TableId::kFacts, "k", "v", i * 100)));
  ASSERT_TRUE(store_->prune(at(350), at(0), 2));
  EXPECT_EQ(store_->position()->oldest, 2u);
  ASSERT_TRUE(store_->prune(at(350), at(0), 100));
  EXPECT_EQ(store_->position()->oldest, 3u);
  EXPECT_EQ(store_->changes(0, 10, "").value().size(), 2u);
  EXPECT_EQ(store_->position()->revision, 5u);
  ASSERT_TRUE(store_->prune(at(10'000), at(0), 100));
  EXPECT_EQ(store_->position()->oldest, 5u);
  EXPECT_EQ(store_->commit(put(TableId::kFacts, "k", "v")).value(), 6u);
}

TEST_P(StoreTest, LoadingStopsAtTheVisitorsError) {
  ASSERT_TRUE(store_->commit(put(TableId::kFacts, "a", "1")));
  ASSERT_TRUE(store_->commit(put(TableId::kFacts, "b", "1")));
  int seen = 0;
  const auto ok = store_->load([&](TableId, std::string_view, std::string_view) -> Status {
    ++seen;
    return fail(ErrorCode::kDataLoss, "no");
  });
  EXPECT_FALSE(ok);
  EXPECT_EQ(seen, 1);
}

TEST(SqliteStore, IsPrivateAndHasOneUser) {
  Directory directory;
  SeededRandom random(1);
  auto first = open_sqlite_store(directory.file(), random);
  ASSERT_TRUE(first) << first.error().message;
  struct stat info;
  ASSERT_EQ(::stat(directory.file().c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
  const auto epoch = (*first)->position()->epoch;
  const auto second = open_sqlite_store(directory.file(), random);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ErrorCode::kUnavailable);
  ASSERT_TRUE((*first)->commit(put(TableId::kTags, "a", "1")));
  first->reset();
  auto again = open_sqlite_store(directory.file(), random);
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ((*again)->position()->epoch, epoch);
  EXPECT_EQ((*again)->position()->revision, 1u);
  EXPECT_EQ(rows(**again).size(), 1u);
}

TEST(SqliteStore, MakesTheTablesThatAnEarlierVersionDidNotHave) {
  Directory directory;
  SeededRandom random(1);
  Batch first;
  first.rows.push_back({TableId::kProfiles, "Default", "{}"});
  ASSERT_TRUE((*open_sqlite_store(directory.file(), random))->commit(first));
  sqlite3* db = nullptr;
  ASSERT_EQ(sqlite3_open(directory.file().c_str(), &db), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(db, "DROP TABLE risks", nullptr, nullptr, nullptr), SQLITE_OK);
  sqlite3_close(db);
  auto store = open_sqlite_store(directory.file(), random);
  ASSERT_TRUE(store) << store.error().message;
  Batch second;
  second.rows.push_back({TableId::kRisks, "RSK-1", "{}"});
  ASSERT_TRUE((*store)->commit(second));
  EXPECT_EQ(rows(**store).size(), 2u);
}

TEST(SqliteStore, RefusesWhatIsNotItsOwn) {
  Directory directory;
  SeededRandom random(1);
  const auto with = [&](const char* sql) {
    std::filesystem::remove(directory.file());
    sqlite3* db = nullptr;
    EXPECT_EQ(sqlite3_open(directory.file().c_str(), &db), SQLITE_OK);
    EXPECT_EQ(sqlite3_exec(db, sql, nullptr, nullptr, nullptr), SQLITE_OK);
    sqlite3_close(db);
    const auto store = open_sqlite_store(directory.file(), random);
    EXPECT_FALSE(store);
    return store ? ErrorCode::kInternal : store.error().code;
  };
  EXPECT_EQ(with("CREATE TABLE x(y); PRAGMA user_version=1;"), ErrorCode::kDataLoss);
  EXPECT_EQ(with("CREATE TABLE x(y); PRAGMA application_id=1347638341; PRAGMA user_version=99;"),
            ErrorCode::kUnsupported);
  std::filesystem::remove(directory.file());
  {
    FILE* f = std::fopen(directory.file().c_str(), "w");
    std::fputs("this is not a database, and long enough to be taken for one if nobody looked at it", f);
    std::fclose(f);
  }
  EXPECT_EQ(open_sqlite_store(directory.file(), random).error().code, ErrorCode::kDataLoss);
  EXPECT_FALSE(open_sqlite_store("/nonexistent-postern/ems.db", random));
}

TEST(SqliteStore, AWriteThatFailsChangesNothingAndTheNextOneWorks) {
  Directory directory;
  SeededRandom random(1);
  auto store = open_sqlite_store(directory.file(), random);
  ASSERT_TRUE(store);
  ASSERT_TRUE((*store)->commit(put(TableId::kTags, "a", "1")));
  struct rlimit before;
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  ::signal(SIGXFSZ, SIG_IGN);
  struct rlimit small = before;
  small.rlim_cur = 64 << 10;
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  const auto failed = (*store)->commit(put(TableId::kTags, "big", std::string(4 << 20, 'x')));
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
  ASSERT_FALSE(failed);
  EXPECT_EQ((*store)->position()->revision, 1u);
  EXPECT_EQ(rows(**store).size(), 1u);
  EXPECT_EQ((*store)->commit(put(TableId::kTags, "b", "2")).value(), 2u);
  EXPECT_EQ(rows(**store).size(), 2u);
}

TEST(SqliteStore, WhatWasAcknowledgedSurvivesKill) {
  Directory directory;
  for (int round = 0; round < 5; ++round) {
    int pipe[2];
    ASSERT_EQ(::pipe(pipe), 0);
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      SeededRandom random(static_cast<std::uint64_t>(round) + 1);
      auto store = open_sqlite_store(directory.file(), random);
      if (!store) ::_exit(1);
      for (;;) {
        const auto next = (*store)->position()->revision + 1;
        const auto done = (*store)->commit(put(TableId::kFacts, "k" + std::to_string(next), std::to_string(next)));
        if (!done || ::write(pipe[1], &*done, sizeof *done) != static_cast<ssize_t>(sizeof *done)) ::_exit(1);
      }
    }
    ::close(pipe[1]);
    Revision acknowledged = 0;
    for (int i = 0; i < 20 + round * 7; ++i) {
      Revision next;
      ASSERT_EQ(::read(pipe[0], &next, sizeof next), static_cast<ssize_t>(sizeof next));
      acknowledged = next;
    }
    ::kill(child, SIGKILL);
    // What it wrote to the pipe before it died was acknowledged too.
    for (Revision next; ::read(pipe[0], &next, sizeof next) == static_cast<ssize_t>(sizeof next);) acknowledged = next;
    ::close(pipe[0]);
    ::waitpid(child, nullptr, 0);
    SeededRandom random(99);
    auto store = open_sqlite_store(directory.file(), random);
    ASSERT_TRUE(store) << store.error().message;
    EXPECT_GE((*store)->position()->revision, acknowledged);
    EXPECT_EQ(rows(**store).size(), (*store)->position()->revision);  // whole batches only
  }
}

TEST(MemoryStore, ALossyOneForgetsInACrash) {
  MemoryStore store;
  ASSERT_TRUE(store.commit(put(TableId::kTags, "a", "1")));
  store.set_lossy(true);
  ASSERT_TRUE(store.commit(put(TableId::kTags, "b", "1")));
  EXPECT_EQ(rows(store).size(), 2u);
  store.crash();
  EXPECT_EQ(rows(store).size(), 1u);
  EXPECT_EQ(store.position()->revision, 1u);
}

}  // namespace
}  // namespace postern::ems
