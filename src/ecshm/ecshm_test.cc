#include "ecshm/ecshm.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <thread>

#include "ecshm/reader.h"
#include "ecshm/writer.h"
#include "policy/compile.h"

namespace postern::ecshm {
namespace {

constexpr MonoTime kNow{std::chrono::hours(100)};

Sha256 leaf(std::uint64_t n) { return sha256("leaf " + std::to_string(n)); }

SlotData slot(int tag, std::uint32_t connector = 1) {
  SlotData d;
  d.connector = connector;
  d.not_after = from_unix_ms(1'900'000'000'000);
  d.online = d.registered = true;
  d.tags.set(static_cast<std::size_t>(tag));
  return d;
}

class EcshmTest : public testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/postern-ecshm-XXXXXX";
    dir_ = mkdtemp(name);
    open();
  }
  void TearDown() override {
    writer_.reset();
    std::filesystem::remove_all(dir_);
  }
  void open(std::uint32_t capacity = 16, std::uint32_t ring = 16) {
    writer_.reset();
    auto writer = Writer::create(dir_ / "run", {capacity, ring, static_cast<gid_t>(-1)});
    ASSERT_TRUE(writer) << writer.error().message;
    writer_ = std::move(*writer);
    writer_->set_lease(kNow + std::chrono::seconds(5));
    writer_->set_connector_valid_until(1, kNow + std::chrono::seconds(180));
  }
  std::string run() const { return (dir_ / "run").string(); }
  std::filesystem::path dir_;
  std::unique_ptr<Writer> writer_;
};

TEST_F(EcshmTest, WhatIsWrittenIsRead) {
  Reader reader(run());
  EXPECT_FALSE(reader.refresh(true)) << "nothing is published yet";
  EXPECT_FALSE(reader.problem().empty());
  ASSERT_TRUE(writer_->upsert(leaf(1), slot(7)));
  ASSERT_TRUE(writer_->publish());
  EXPECT_TRUE(reader.refresh(true));
  const auto found = reader.find(leaf(1), kNow);
  EXPECT_TRUE(found.state.known);
  EXPECT_TRUE(found.state.fresh);
  EXPECT_TRUE(found.state.tags.test(7));
  EXPECT_EQ(found.state.tags.count(), 1u);
  EXPECT_EQ(found.connector, 1u);
  EXPECT_FALSE(reader.find(leaf(2), kNow).state.known);

  writer_->remove(leaf(1));
  EXPECT_FALSE(reader.find(leaf(1), kNow).state.known);
  EXPECT_EQ(writer_->size(), 0u);
  EXPECT_FALSE(writer_->find(leaf(1)));
}

TEST_F(EcshmTest, LeaseAndConnectorRunOut) {
  ASSERT_TRUE(writer_->upsert(leaf(1), slot(7)));
  ASSERT_TRUE(writer_->upsert(leaf(2), slot(7, 2)));
  ASSERT_TRUE(writer_->publish());
  Reader reader(run());
  reader.refresh(true);
  EXPECT_TRUE(reader.find(leaf(1), kNow + std::chrono::milliseconds(4999)).state.fresh);
  EXPECT_FALSE(reader.find(leaf(1), kNow + std::chrono::seconds(5)).state.fresh);
  EXPECT_FALSE(reader.find(leaf(2), kNow).state.fresh) << "connector 2 was never valid";
  EXPECT_EQ(reader.next_expiry(kNow), kNow + std::chrono::seconds(5));
  writer_->set_lease(kNow + std::chrono::seconds(500));
  EXPECT_EQ(reader.freshness(kNow), 3u);
  EXPECT_EQ(reader.freshness(kNow + std::chrono::seconds(180)), 1u);
  EXPECT_FALSE(reader.find(leaf(1), kNow + std::chrono::seconds(180)).state.fresh);
}

TEST_F(EcshmTest, FilesAreForTheReadersGroupOnly) {
  ASSERT_TRUE(writer_->publish());
  struct stat st {};
  ASSERT_EQ(stat((run() + "/ec-shm").c_str(), &st), 0);
  EXPECT_EQ(st.st_mode & 07777, 0640u);
  ASSERT_EQ(stat(run().c_str(), &st), 0);
  EXPECT_EQ(st.st_mode & 07777, 0750u);
  EXPECT_EQ(Writer::create(run()).error().code, ErrorCode::kConflict) << "there is one writer";
}

TEST_F(EcshmTest, ChangesArriveAndOverrunSaysAll) {
  ASSERT_TRUE(writer_->upsert(leaf(1), slot(1)));
  ASSERT_TRUE(writer_->publish());
  Reader reader(run());
  reader.refresh(true);
  std::vector<std::uint32_t> seen;
  const auto take = [&] {
    seen.clear();
    return reader.take_changes([&](std::uint32_t s) { seen.push_back(s); });
  };
  EXPECT_FALSE(take());
  EXPECT_TRUE(seen.empty());
  ASSERT_TRUE(writer_->upsert(leaf(1), slot(2)));
  EXPECT_FALSE(take());
  EXPECT_EQ(seen, std::vector{reader.find(leaf(1), kNow).slot});
  ASSERT_TRUE(writer_->upsert(leaf(1), slot(2)));
  EXPECT_FALSE(take());
  EXPECT_TRUE(seen.empty()) << "writing the same again changes nothing";
  for (int i = 0; i < 40; ++i) ASSERT_TRUE(writer_->upsert(leaf(1), slot(i % 2)));
  EXPECT_TRUE(take()) << "the ring went round";
  EXPECT_FALSE(take());
  writer_->set_connector_valid_until(1, kNow + std::chrono::seconds(200));
  EXPECT_FALSE(take()) << "longer is no reason to look";
  writer_->set_connector_valid_until(1, kNow);
  EXPECT_TRUE(take()) << "shorter is";
}

TEST_F(EcshmTest, NotifiesOncePerBatch) {
  int notified = 0;
  writer_->on_notify = [&] { ++notified; };
  ASSERT_TRUE(writer_->upsert(leaf(1), slot(1)));
  writer_->notify();
  EXPECT_EQ(notified, 0) << "nobody can see it yet";
  ASSERT_TRUE(writer_->publish());
  writer_->notify();
  writer_->notify();
  EXPECT_EQ(notified, 1);
  ASSERT_TRUE(writer_->upsert(leaf(1), slot(2)));
  writer_->remove(leaf(1));
  writer_->notify();
  EXPECT_EQ(notified, 2);
}

TEST_F(EcshmTest, GrowsAndReadersFollow) {
  ASSERT_TRUE(writer_->publish());
  Reader reader(run());
  reader.refresh(true);
  const auto first = reader.generation();
  for (std::uint64_t i = 0; i < 1000; ++i)
    ASSERT_TRUE(writer_->upsert(leaf(i), slot(static_cast<int>(i % 500))));
  EXPECT_GE(writer_->capacity(), 1000u);
  EXPECT_TRUE(reader.refresh(false)) << "the old generation says that it is retired";
  EXPECT_NE(reader.generation(), first);
  for (std::uint64_t i = 0; i < 1000; ++i) {
    const auto found = reader.find(leaf(i), kNow);
    ASSERT_TRUE(found.state.known) << i;
    ASSERT_TRUE(found.state.tags.test(i % 500));
    ASSERT_TRUE(found.state.fresh);
  }
}

TEST_F(EcshmTest, ComesAndGoesWithoutGrowing) {
  ASSERT_TRUE(writer_->publish());
  for (std::uint64_t i = 0; i < 5000; ++i) {
    ASSERT_TRUE(writer_->upsert(leaf(i), slot(1)));
    if (i >= 10) writer_->remove(leaf(i - 10));
  }
  EXPECT_EQ(writer_->capacity(), 16u)
      << "removed buckets are cleaned up in a new generation of the same size";
  Reader reader(run());
  reader.refresh(true);
  EXPECT_TRUE(reader.find(leaf(4999), kNow).state.known);
  EXPECT_FALSE(reader.find(leaf(4000), kNow).state.known);
}

TEST_F(EcshmTest, ARestartedWriterTakesReadersAlong) {
  ASSERT_TRUE(writer_->upsert(leaf(1), slot(1)));
  ASSERT_TRUE(writer_->publish());
  Reader reader(run());
  reader.refresh(true);
  open();  // As after kill -9: the old file is still there and mapped.
  EXPECT_FALSE(reader.refresh(true));
  EXPECT_TRUE(reader.find(leaf(1), kNow).state.known)
      << "the old generation counts until its lease runs out";
  ASSERT_TRUE(writer_->upsert(leaf(1), slot(2)));
  ASSERT_TRUE(writer_->publish());
  EXPECT_TRUE(reader.refresh(false));
  EXPECT_TRUE(reader.find(leaf(1), kNow).state.tags.test(2));
}

TEST_F(EcshmTest, AWriterThatDiedInASlotMeansDeny) {
  ASSERT_TRUE(writer_->upsert(leaf(1), slot(1)));
  ASSERT_TRUE(writer_->publish());
  Reader reader(run());
  reader.refresh(true);
  const auto number = reader.find(leaf(1), kNow).slot;
  const int fd = ::open((run() + "/ec-shm").c_str(), O_RDWR);
  ecshm_header header;
  ASSERT_EQ(pread(fd, &header, sizeof header, 0), static_cast<ssize_t>(sizeof header));
  const std::uint32_t odd = 12345;
  ASSERT_EQ(
      pwrite(fd, &odd, 4, static_cast<off_t>(header.slots_offset + number * sizeof(ecshm_slot))),
      4);
  close(fd);
  const auto found = reader.find(leaf(1), kNow);
  EXPECT_FALSE(found.readable);
  EXPECT_FALSE(found.state.known);
  EXPECT_FALSE(found.state.fresh);
}

TEST_F(EcshmTest, ReadersRefuseWhatTheyDontKnow) {
  ASSERT_TRUE(writer_->publish());
  writer_.reset();
  const auto path = run() + "/ec-shm";
  std::string good;
  {
    std::ifstream in(path, std::ios::binary);
    good.assign(std::istreambuf_iterator<char>(in), {});
  }
  const auto with = [&](std::size_t offset, std::string_view bytes, std::size_t size) {
    auto content = good;
    content.replace(offset, bytes.size(), bytes);
    content.resize(size);
    unlink(path.c_str());
    std::ofstream(path, std::ios::binary) << content;
    Reader reader(run());
    return reader.refresh(true);
  };
  EXPECT_TRUE(with(0, "", good.size()));
  EXPECT_FALSE(with(0, "X", good.size()));
  EXPECT_FALSE(with(offsetof(ecshm_header, version), "\x09", good.size()));
  EXPECT_FALSE(with(offsetof(ecshm_header, layout), "\x01\x02", good.size()));
  EXPECT_FALSE(with(offsetof(ecshm_header, slot_count), "\xff\xff\xff\x7f", good.size()));
  EXPECT_FALSE(with(offsetof(ecshm_header, bucket_mask), "\xff\xff\xff\x7f", good.size()));
  EXPECT_FALSE(with(offsetof(ecshm_header, bucket_mask), "\x02", good.size()));
  EXPECT_FALSE(with(offsetof(ecshm_header, ring_offset), "\xff\xff\xff\xff\xff\xff", good.size()));
  EXPECT_FALSE(with(0, "", good.size() - 8));
  EXPECT_FALSE(with(0, "", 10));
}

TEST_F(EcshmTest, PoliciesArePublishedWhole) {
  policy::PolicyTable table;
  table.proxies = {{1, "one", {}, {}}};
  ASSERT_TRUE(writer_->publish_policies(*policy::compile(table)));
  ASSERT_TRUE(writer_->publish());
  Reader reader(run());
  EXPECT_TRUE(reader.refresh(true));
  EXPECT_NE(reader.policies().proxy(1), nullptr);
  table.proxies = {{2, "two", {}, {}}};
  ASSERT_TRUE(writer_->publish_policies(*policy::compile(table)));
  EXPECT_TRUE(reader.refresh(false));
  EXPECT_EQ(reader.policies().proxy(1), nullptr);
  EXPECT_NE(reader.policies().proxy(2), nullptr);
  // Damaged ones are refused and the last good ones stay.
  const Bytes rubbish(100, 0x55);
  ASSERT_TRUE(writer_->publish_policies(rubbish));
  EXPECT_FALSE(reader.refresh(false));
  EXPECT_FALSE(reader.problem().empty());
  EXPECT_NE(reader.policies().proxy(2), nullptr);
}

// Tags have other bits in the table of another writer: policies of the one before must not be read with it.
TEST_F(EcshmTest, PoliciesGoWithTheTableOfTheirWriter) {
  policy::PolicyTable table;
  table.proxies = {{1, "one", {}, {}}};
  ASSERT_TRUE(writer_->publish_policies(*policy::compile(table)));
  ASSERT_TRUE(writer_->publish());
  Reader reader(run()), late(run());
  reader.refresh(true);
  ASSERT_NE(reader.policies().proxy(1), nullptr);
  writer_.reset();
  auto next = Writer::create(run());
  ASSERT_TRUE(next) << next.error().message;
  reader.refresh(true);
  EXPECT_NE(reader.policies().proxy(1), nullptr) << "with the table they belong to, until its lease runs out";
  ASSERT_TRUE((*next)->publish());
  for (auto* r : {&reader, &late}) {
    EXPECT_TRUE(r->refresh(true));
    EXPECT_EQ(r->policies().proxy(1), nullptr) << "the new one has published none";
    EXPECT_NE(r->problem(), "");
  }
  table.proxies = {{2, "two", {}, {}}};
  ASSERT_TRUE((*next)->publish_policies(*policy::compile(table)));
  for (auto* r : {&reader, &late}) {
    EXPECT_TRUE(r->refresh(false));
    EXPECT_NE(r->policies().proxy(2), nullptr);
    EXPECT_EQ(r->problem(), "");
  }
}

/// Readers on their own threads while the writer changes, removes, adds and grows: whatever they
/// see must be whole.
TEST_F(EcshmTest, ReadersNeverSeeAMixture) {
  constexpr std::uint64_t kLeaves = 40;
  const auto whole = [](std::uint64_t n) {
    SlotData d;
    d.connector = 1 + static_cast<std::uint32_t>(n % 7);
    d.not_after = from_unix_ms(static_cast<std::int64_t>(n));
    d.online = d.registered = true;
    for (std::size_t i = 0; i < policy::kTagWords; ++i) {
      d.tags.words[i] = n;
      d.unknown.words[i] = ~n;
    }
    return d;
  };
  open(16, 16);
  ASSERT_TRUE(writer_->publish());
  std::atomic<bool> stop{false};
  std::atomic<std::uint64_t> reads{0}, mixtures{0}, seen{0};
  std::vector<std::thread> readers;
  for (int t = 0; t < 2; ++t) {
    readers.emplace_back([&, t] {
      Reader reader(run());
      for (std::uint64_t i = static_cast<std::uint64_t>(t); !stop; ++i) {
        reader.refresh(i % 64 == 0);
        // Who comes late is told of all at once, and on a busy machine everybody always does.
        if (reader.take_changes([&](std::uint32_t) { seen.fetch_add(1, std::memory_order_relaxed); })) ++seen;
        const auto found = reader.find(leaf(i % kLeaves), kNow);
        if (!found.state.known) continue;
        const auto n = found.state.tags.words[0];
        bool ok = static_cast<std::int64_t>(n) == to_unix_ms(found.state.not_after) &&
                  n % kLeaves == i % kLeaves && found.connector == 1 + n % 7;
        for (std::size_t w = 0; w < policy::kTagWords; ++w) {
          ok = ok && found.state.tags.words[w] == n && found.state.unknown.words[w] == ~n;
        }
        if (!ok) ++mixtures;
        ++reads;
      }
    });
  }
  // Until enough was read, however slow the machine (or the sanitizer) is.
  std::uint64_t round = 0;
  while (reads < 20'000 || round < 2'000) {
    for (std::uint64_t i = 0; i < kLeaves; ++i) {
      if ((round + i) % 11 == 0) {
        writer_->remove(leaf(i));
      } else {
        ASSERT_TRUE(writer_->upsert(leaf(i), whole(round * kLeaves + i)));
      }
    }
    ++round;
  }
  stop = true;
  for (auto& t : readers) t.join();
  EXPECT_EQ(mixtures, 0u);
  EXPECT_GT(seen, 0u);
}

// Readers are other processes, which share nothing with the writer but the file: nginx's workers.
TEST_F(EcshmTest, OtherProcessesNeverSeeAMixtureEither) {
  constexpr std::uint64_t kLeaves = 8;  // few: they are read while they are written
  constexpr int kReaders = 3;
  constexpr int kWanted = 4'000, kGivenUp = 100;
  const auto whole = [](std::uint64_t n) {
    SlotData d;
    d.connector = 1;
    d.not_after = from_unix_ms(static_cast<std::int64_t>(n >> 1));
    d.online = (n & 1) != 0;
    d.registered = true;
    std::uint64_t x = n, sum = 0;
    for (std::size_t i = 0; i < policy::kTagWords; ++i) {
      x = x * 6364136223846793005u + 1442695040888963407u;
      d.tags.words[i] = x;
      sum += x;
    }
    // What belongs together: any two of the words from two writings do not.
    for (std::size_t i = 0; i < policy::kTagWords; ++i) d.unknown.words[i] = sum ^ (n + i);
    return d;
  };
  std::array<Sha256, kLeaves> leaves;
  for (std::uint64_t i = 0; i < kLeaves; ++i) leaves[i] = leaf(i);
  for (std::uint64_t i = 0; i < kLeaves; ++i) ASSERT_TRUE(writer_->upsert(leaves[i], whole(i)));
  ASSERT_TRUE(writer_->publish());
  std::vector<pid_t> readers;
  for (int r = 0; r < kReaders; ++r) {
    const pid_t pid = fork();
    ASSERT_GE(pid, 0);
    if (pid == 0) {
      Reader reader(run());
      reader.refresh(true);
      int read = 0, torn = 0;
      for (std::uint64_t i = static_cast<std::uint64_t>(r); read < kWanted; ++i) {
        const auto found = reader.find(leaves[i % kLeaves], kNow);
        if (!found.readable && ++torn > kGivenUp) _exit(3);  // a reader that never gets through
        if (!found.state.known) {
          if (found.readable) _exit(4);  // nothing is ever removed here
          continue;
        }
        const auto n = static_cast<std::uint64_t>(to_unix_ms(found.state.not_after)) * 2 + (found.state.online ? 1 : 0);
        const auto want = whole(n);
        if (!(found.state.tags == want.tags) || !(found.state.unknown == want.unknown)) _exit(5);
        ++read;
      }
      _exit(0);
    }
    readers.push_back(pid);
  }
  // Until the last of them has read enough.
  std::vector<int> ends;
  std::uint64_t n = kLeaves;
  while (ends.size() < readers.size()) {
    for (int i = 0; i < 1000; ++i, ++n) ASSERT_TRUE(writer_->upsert(leaves[n % kLeaves], whole(n)));
    int status = 0;
    while (ends.size() < readers.size() && waitpid(-1, &status, WNOHANG) > 0) ends.push_back(status);
  }
  for (const int status : ends) {
    EXPECT_TRUE(WIFEXITED(status));
    EXPECT_EQ(WEXITSTATUS(status), 0) << "3: never whole, 4: not found, 5: a mixture";
  }
  EXPECT_GT(n, 1000u);
}

TEST_F(EcshmTest, LeavesOfOneBucketAreToldApart) {
  // The first word says the bucket, the second one's highest bits stand in it: all differ only elsewhere.
  open(64, 16);
  ASSERT_TRUE(writer_->publish());
  Reader reader(run());
  reader.refresh(true);
  const auto made = [](std::uint8_t high, std::uint8_t last) {
    Sha256 out{};
    out[15] = high;
    out[31] = last;
    return out;
  };
  for (int high : {0x00, 0x10, 0xf0, 0xff}) {
    for (int last = 0; last < 4; ++last) {
      ASSERT_TRUE(writer_->upsert(made(static_cast<std::uint8_t>(high), static_cast<std::uint8_t>(last)), slot(high + last)));
    }
  }
  for (int high : {0x00, 0x10, 0xf0, 0xff}) {
    for (int last = 0; last < 4; ++last) {
      const auto key = made(static_cast<std::uint8_t>(high), static_cast<std::uint8_t>(last));
      const auto found = reader.find(key, kNow);
      ASSERT_TRUE(found.state.known);
      EXPECT_TRUE(found.state.tags.test(static_cast<std::size_t>(high + last)));
      EXPECT_TRUE(writer_->find(key));
    }
  }
  EXPECT_FALSE(reader.find(made(0x20, 0), kNow).state.known);
  EXPECT_FALSE(reader.find(made(0xff, 9), kNow).state.known);
  writer_->remove(made(0x10, 1));
  EXPECT_FALSE(reader.find(made(0x10, 1), kNow).state.known);
  EXPECT_TRUE(reader.find(made(0x10, 2), kNow).state.known);
}

}  // namespace
}  // namespace postern::ecshm
