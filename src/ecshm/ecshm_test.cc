#include "ecshm/ecshm.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <thread>

#include "base/random.h"
#include "ecshm/channel.h"
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
        reader.take_changes([&](std::uint32_t) { seen.fetch_add(1, std::memory_order_relaxed); });
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

// ---- the way back

Event denial(int n) {
  Event e;
  e.type = EventType::kDenied;
  e.reason = policy::Reason::kMissingTag;
  e.id = "AAAA-" + std::to_string(1000 + n);
  e.leaf = leaf(1);
  e.source = *IpAddress::parse("2001:db8::1");
  e.host = "app.example";
  e.path = "/x";
  e.tags.set(511);
  return e;
}

TEST(Event, SurvivesTheWay) {
  std::uint8_t bytes[kEventBytes];
  encode_event(denial(1), bytes);
  const auto back = decode_event({bytes, sizeof bytes});
  ASSERT_TRUE(back) << back.error().message;
  EXPECT_EQ(*back, denial(1));
  auto odd = denial(2);
  odd.path = std::string(5000, 'a');
  odd.host = "bad\nline\x80";
  encode_event(odd, bytes);
  const auto cut = decode_event({bytes, sizeof bytes});
  EXPECT_EQ(cut->host, "bad?line?");
  EXPECT_EQ(cut->path.size(), 200u);
  bytes[0] = 99;
  EXPECT_FALSE(decode_event({bytes, sizeof bytes}));
  EXPECT_FALSE(decode_event({bytes, 10}));
}

TEST(EventRing, DropsAndCountsWhenFull) {
  auto producer = EventProducer::create();
  ASSERT_TRUE(producer) << producer.error().message;
  auto consumer = EventConsumer::open(producer->fd());
  ASSERT_TRUE(consumer) << consumer.error().message;
  EXPECT_FALSE(producer->take_nudge(true)) << "nobody rests yet";
  consumer->rest(Rest::kSleep);
  int pushed = 0;
  while (producer->push(denial(pushed % 1000))) ++pushed;
  EXPECT_EQ(pushed, static_cast<int>(kEventRingRecords));
  EXPECT_EQ(producer->dropped(), 1u);
  EXPECT_EQ(consumer->dropped(), 1u);
  EXPECT_TRUE(producer->take_nudge(false));
  EXPECT_FALSE(producer->take_nudge(true)) << "one is on its way";
  int popped = 0;
  while (auto e = consumer->pop()) {
    ASSERT_EQ(*e, denial(popped % 1000));
    ++popped;
  }
  EXPECT_EQ(popped, pushed);
  EXPECT_TRUE(producer->push(denial(1)));
}

TEST(EventRing, CarriesEverythingInOrderBetweenThreads) {
  auto producer = EventProducer::create();
  ASSERT_TRUE(producer);
  auto consumer = EventConsumer::open(producer->fd());
  ASSERT_TRUE(consumer);
  constexpr int kEvents = 20'000;
  std::thread worker([&] {
    Event e = denial(0);
    for (int i = 0; i < kEvents; ++i) {
      e.bytes = static_cast<std::uint64_t>(i);
      while (!producer->push(e)) std::this_thread::yield();
    }
  });
  int expected = 0;
  while (expected < kEvents) {
    if (auto e = consumer->pop()) {
      ASSERT_EQ(e->bytes, static_cast<std::uint64_t>(expected));
      ++expected;
    }
  }
  worker.join();
  EXPECT_EQ(consumer->damaged(), 0u);
}

TEST(EventRing, WhoDozesIsNudgedOnlyWithWhatIsUrgent) {
  auto producer = EventProducer::create();
  ASSERT_TRUE(producer);
  auto consumer = EventConsumer::open(producer->fd());
  ASSERT_TRUE(consumer);
  consumer->rest(Rest::kDoze);
  ASSERT_TRUE(producer->push(denial(1)));
  EXPECT_FALSE(producer->take_nudge(false));
  EXPECT_TRUE(producer->take_nudge(true));
  EXPECT_FALSE(producer->take_nudge(true)) << "one is on its way";
  consumer->rest(Rest::kDoze);
  EXPECT_TRUE(producer->take_nudge(true));
  consumer->rest(Rest::kSleep);
  EXPECT_TRUE(producer->take_nudge(false));
}

// Whoever sleeps and finds nothing more relies on a nudge. Each event comes just when the consumer
// may be falling asleep, a little later each time; one nudge missed, and both wait for ever.
// `nudges` is the socket between the two.
TEST(EventRing, NoNudgeIsMissed) {
  auto producer = EventProducer::create();
  ASSERT_TRUE(producer);
  auto consumer = EventConsumer::open(producer->fd());
  ASSERT_TRUE(consumer);
  constexpr std::uint64_t kEvents = 200'000;
  std::atomic<std::uint64_t> nudges{0}, taken{0};
  std::atomic<bool> stuck{false};
  std::thread worker([&] {
    Event e;
    std::atomic<unsigned> moment{0};
    for (std::uint64_t i = 0; i < kEvents && !stuck; ++i) {
      while (taken.load(std::memory_order_acquire) < i && !stuck) {
        if (++moment % 1024 == 0) std::this_thread::yield();
      }
      for (unsigned n = 0; n < i % 128; ++n) moment.store(n, std::memory_order_relaxed);
      e.bytes = i;
      EXPECT_TRUE(producer->push(e));
      if (producer->take_nudge(i % 7 == 0)) nudges.fetch_add(1, std::memory_order_release);
    }
  });
  std::uint64_t expected = 0, seen = 0, slept = 0;
  const auto take = [&] {
    bool any = false;
    for (; auto e = consumer->pop(); any = true) {
      EXPECT_EQ(e->bytes, expected++);
      taken.store(expected, std::memory_order_release);
    }
    return any;
  };
  while (expected < kEvents && !stuck) {
    take();
    consumer->rest(Rest::kSleep);
    if (take() || expected == kEvents) continue;
    ++slept;
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    for (unsigned n = 1; nudges.load(std::memory_order_acquire) == seen && !stuck; ++n) {
      if (n % 1024 != 0) continue;
      std::this_thread::yield();
      stuck = std::chrono::steady_clock::now() > deadline;
    }
    seen = nudges.load(std::memory_order_acquire);
  }
  worker.join();
  EXPECT_FALSE(stuck) << "event " << expected << " came without a nudge";
  EXPECT_GT(slept, 0u);
}

TEST(EventRing, RefusesMemoryThatCouldShrink) {
  const int fd = memfd_create("x", MFD_ALLOW_SEALING);
  ASSERT_EQ(ftruncate(fd, 4 << 20), 0);
  EXPECT_EQ(EventConsumer::open(fd).error().code, ErrorCode::kInvalidArgument);
  close(fd);
}

TEST_F(EcshmTest, QuestionsAnswersAndEventsTravel) {
  auto hub = Hub::listen(run());
  ASSERT_TRUE(hub) << hub.error().message;
  std::vector<Sha256> asked;
  std::vector<Event> events;
  std::vector<std::uint64_t> gone;
  (*hub)->on_ask = [&](const Sha256& l) { asked.push_back(l); };
  (*hub)->on_event = [&](std::uint64_t, const Event& e) { events.push_back(e); };
  (*hub)->on_gone = [&](std::uint64_t w) { gone.push_back(w); };
  std::vector<std::size_t> batches;
  (*hub)->on_drained = [&] { batches.push_back(events.size()); };
  const auto handle = [&] {
    pollfd p{(*hub)->poll_fd(), POLLIN, 0};
    while (poll(&p, 1, 0) == 1) (*hub)->handle();
  };
  auto producer = EventProducer::create();
  Link link;
  ASSERT_TRUE(link.connect(run(), *producer));
  handle();
  EXPECT_EQ((*hub)->workers(), 1u);
  ASSERT_TRUE(producer->push(denial(3)));
  EXPECT_TRUE(producer->take_nudge(false)) << "the gateway sleeps";
  link.nudge();
  ASSERT_TRUE(link.ask(leaf(9)));
  handle();
  EXPECT_EQ(asked, std::vector{leaf(9)});
  EXPECT_EQ(events, std::vector{denial(3)});
  EXPECT_EQ(batches, std::vector<std::size_t>{1});
  EXPECT_FALSE(link.receive());
  (*hub)->answer(leaf(9));
  (*hub)->wake();
  auto message = link.receive();
  ASSERT_TRUE(message);
  EXPECT_EQ(message->type, static_cast<std::uint32_t>(MessageType::kAnswer));
  EXPECT_EQ(message->leaf, leaf(9));
  message = link.receive();
  ASSERT_TRUE(message);
  EXPECT_EQ(message->type, static_cast<std::uint32_t>(MessageType::kWake));
  // A worker that dies with events in its ring: they are taken before it is forgotten.
  ASSERT_TRUE(producer->push(denial(4)));
  link.close();
  handle();
  EXPECT_EQ(events.size(), 2u);
  EXPECT_EQ(gone.size(), 1u);
  EXPECT_EQ((*hub)->workers(), 0u);
  // The gateway goes away.
  ASSERT_TRUE(link.connect(run(), *producer));
  handle();
  hub->reset();
  EXPECT_FALSE(link.receive());
  EXPECT_FALSE(link.connected());
  EXPECT_FALSE(link.connect(run(), *producer));
}

void handle_all(Hub& hub) {
  pollfd p{hub.poll_fd(), POLLIN, 0};
  while (poll(&p, 1, 0) == 1) hub.handle();
}

TEST_F(EcshmTest, EventsComeInBatchesAndNoneIsLeftBehind) {
  auto hub = Hub::listen(run());
  ASSERT_TRUE(hub) << hub.error().message;
  std::size_t events = 0;
  std::vector<std::size_t> batches;
  std::vector<Sha256> asked;
  (*hub)->on_event = [&](std::uint64_t, const Event&) { ++events; };
  (*hub)->on_drained = [&] { batches.push_back(events); };
  (*hub)->on_ask = [&](const Sha256& l) { asked.push_back(l); };
  // Sooner or later the hub has something to do; this waits for it as the gateway's loop does.
  const auto wait_for_events = [&](std::size_t count) {
    pollfd p{(*hub)->poll_fd(), POLLIN, 0};
    while (events < count && poll(&p, 1, 10'000) == 1) (*hub)->handle();
    return events;
  };
  auto producer = EventProducer::create();
  Link link;
  ASSERT_TRUE(link.connect(run(), *producer));
  handle_all(**hub);
  int nudges = 0;
  const auto report = [&](bool urgent) {
    ASSERT_TRUE(producer->push(denial(1)));
    if (!producer->take_nudge(urgent)) return;
    ++nudges;
    link.nudge();
  };
  report(false);
  EXPECT_EQ(nudges, 1) << "it slept";
  EXPECT_EQ(wait_for_events(1), 1u);
  for (int i = 0; i < 5; ++i) report(false);
  EXPECT_EQ(nudges, 1) << "it looks again by itself";
  // A question is settled at once, whatever else waits; and who looks takes all there is.
  ASSERT_TRUE(link.ask(leaf(9)));
  handle_all(**hub);
  EXPECT_EQ(asked.size(), 1u);
  EXPECT_EQ(events, 6u);
  report(true);
  report(true);
  EXPECT_EQ(nudges, 2) << "a denial does not wait; another one comes along with it";
  (*hub)->handle();
  EXPECT_EQ(events, 8u);
  EXPECT_EQ(batches, (std::vector<std::size_t>{1, 6, 8}));
  report(false);
  EXPECT_EQ(nudges, 2);
  EXPECT_EQ(wait_for_events(9), 9u) << "without any nudge";
  // Nothing more comes: it falls asleep, and the next event wakes it.
  pollfd p{(*hub)->poll_fd(), POLLIN, 0};
  ASSERT_EQ(poll(&p, 1, 10'000), 1);
  (*hub)->handle();
  EXPECT_EQ(batches.size(), 4u) << "an empty look is no batch";
  EXPECT_EQ(poll(&p, 1, 0), 0);
  report(false);
  EXPECT_EQ(nudges, 3);
  EXPECT_EQ(wait_for_events(10), 10u);
}

// The socket takes no nudge any more: the messages in it have the gateway look all the same.
TEST_F(EcshmTest, ANudgeThatDoesNotFitIsNotMissed) {
  auto hub = Hub::listen(run());
  ASSERT_TRUE(hub) << hub.error().message;
  std::size_t events = 0;
  (*hub)->on_event = [&](std::uint64_t, const Event&) { ++events; };
  auto producer = EventProducer::create();
  Link link;
  ASSERT_TRUE(link.connect(run(), *producer));
  handle_all(**hub);
  while (link.ask(leaf(9))) {
  }
  ASSERT_TRUE(producer->push(denial(1)));
  ASSERT_TRUE(producer->take_nudge(false));
  link.nudge();
  pollfd p{(*hub)->poll_fd(), POLLIN, 0};
  while (poll(&p, 1, 0) == 1 && events == 0) (*hub)->handle();
  EXPECT_EQ(events, 1u);
}

}  // namespace
}  // namespace postern::ecshm
