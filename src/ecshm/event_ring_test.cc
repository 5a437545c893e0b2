// Events, and their way through a worker's ring.
#include "ecshm/event_ring.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <thread>
#include <vector>

#include "ecshm/event_lab.h"

namespace postern::ecshm {
namespace {

/// Through its bytes, kept.
std::optional<Event> there_and_back(const Event& event) {
  std::uint8_t bytes[kMaxEventBytes];
  const auto size = encode_event(event, bytes);
  EXPECT_EQ(size % 8, 0u);
  const auto back = decode_event({bytes, size});
  if (!back) return std::nullopt;
  return Event(*back);
}

TEST(Event, SurvivesTheWay) {
  EXPECT_EQ(there_and_back(denial(1)), denial(1));
  EXPECT_EQ(there_and_back(Event()), Event());
  auto plain = denial(3);
  plain.source = *IpAddress::parse("10.0.1.2");
  plain.tags = {};
  plain.leaf.reset();
  plain.method = "GET";
  plain.interface = "port1";
  EXPECT_EQ(there_and_back(plain), plain);
  auto odd = denial(2);
  odd.path = std::string(5000, 'a');
  odd.host = "bad\nline\x80";
  const auto cut = there_and_back(odd);
  ASSERT_TRUE(cut);
  EXPECT_EQ(cut->host, "bad?line?");
  EXPECT_EQ(cut->path.size(), 200u);
}

TEST(Event, OfAForwardedConnectionTellsInTwoLinesWhereToAndWhy) {
  auto both = denial(1);
  both.detail = "10.0.3.11:22\ncleared by administrator root";
  EXPECT_EQ(there_and_back(both)->detail, both.detail);
}

TEST(Event, TheLargestFits) {
  auto all = denial(1);
  all.interface = all.id = all.method = all.host = all.path = all.detail = std::string(5000, 'x');
  std::uint8_t bytes[kMaxEventBytes];
  EXPECT_LE(encode_event(all, bytes), kMaxEventBytes);
  EXPECT_TRUE(there_and_back(all));
}

TEST(Event, DamagedIsRefused) {
  std::uint8_t bytes[kMaxEventBytes];
  const auto size = encode_event(denial(1), bytes);
  const auto with = [&](std::size_t at, std::uint8_t byte) {
    std::vector<std::uint8_t> copy(bytes, bytes + size);
    copy[at] = byte;
    return decode_event(copy).has_value();
  };
  EXPECT_TRUE(with(0, 3));
  EXPECT_FALSE(with(0, 99)) << "type";
  EXPECT_FALSE(with(1, 99)) << "kind";
  EXPECT_FALSE(with(2, 2)) << "leaf";
  EXPECT_FALSE(with(4, 5)) << "family";
  EXPECT_FALSE(with(52, 13)) << "an id longer than ids are";
  EXPECT_FALSE(with(55, 200)) << "a path longer than all";
  for (const std::size_t other : {std::size_t{0}, std::size_t{8}, size - 8, size - 1})
    EXPECT_FALSE(decode_event({bytes, other})) << other;
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
  EXPECT_GE(pushed, static_cast<int>(kEventRingBytes / (kMaxEventBytes + 8) - 1));
  EXPECT_EQ(producer->dropped(), 1u);
  EXPECT_EQ(consumer->dropped(), 1u);
  EXPECT_TRUE(producer->take_nudge(false));
  EXPECT_FALSE(producer->take_nudge(true)) << "one is on its way";
  int popped = 0;
  while (auto e = consumer->pop()) {
    ASSERT_EQ(Event(*e), denial(popped % 1000));
    ++popped;
  }
  EXPECT_EQ(popped, pushed);
  EXPECT_TRUE(producer->push(denial(1)));
}

TEST(EventRing, GoesRoundWithEventsOfAllSizes) {
  auto producer = EventProducer::create();
  ASSERT_TRUE(producer);
  auto consumer = EventConsumer::open(producer->fd());
  ASSERT_TRUE(consumer);
  Event e = denial(0);
  std::size_t pushed = 0, popped = 0;
  const auto nth = [&](std::size_t n) {
    e.path.assign(n % 201, static_cast<char>('a' + n % 26));
    e.host.assign(n * 7 % 121, 'h');
    e.bytes = n;
    return e;
  };
  for (int round = 0; round < 20; ++round) {
    while (producer->push(nth(pushed))) ++pushed;
    for (auto left = pushed - popped - static_cast<std::size_t>(round); left > 0; --left, ++popped)
      ASSERT_EQ(Event(*consumer->pop()), nth(popped));
  }
  EXPECT_EQ(consumer->damaged(), 0u);
}

TEST(EventRing, WhoWritesDamagedOnesWithoutEndIsLeftAlone) {
  auto producer = EventProducer::create();
  ASSERT_TRUE(producer);
  auto consumer = EventConsumer::open(producer->fd());
  ASSERT_TRUE(consumer);
  for (int i = 0; i < 1000; ++i) ASSERT_TRUE(producer->push(denial(i)));
  const auto size = static_cast<std::size_t>(lseek(producer->fd(), 0, SEEK_END));
  auto* memory = static_cast<std::uint8_t*>(mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, producer->fd(), 0));
  ASSERT_NE(memory, MAP_FAILED);
  // Each event's first byte, its type; they are of one size.
  std::uint64_t first;
  constexpr std::size_t kHeader = 192;
  std::memcpy(&first, memory + kHeader, sizeof first);
  for (std::size_t i = 0; i < 1000; ++i) memory[kHeader + i * (8 + first) + 8] = i == 3 ? 2 : 99;
  EXPECT_EQ(consumer->pop()->id, denial(3).id);
  EXPECT_EQ(consumer->damaged(), 3u);
  EXPECT_FALSE(consumer->pop()) << "given up";
  EXPECT_LE(consumer->damaged(), 3u + 64u);
  EXPECT_TRUE(producer->push(denial(7)));
  EXPECT_EQ(consumer->pop()->id, denial(7).id);
  munmap(memory, size);
}

TEST(EventRing, NothingIsSkippedWhereAnEventHasRoom) {
  auto producer = EventProducer::create();
  ASSERT_TRUE(producer);
  auto consumer = EventConsumer::open(producer->fd());
  ASSERT_TRUE(consumer);
  while (producer->push(denial(1))) {
  }
  const auto size = static_cast<std::size_t>(lseek(producer->fd(), 0, SEEK_END));
  auto* memory = static_cast<std::uint8_t*>(mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, producer->fd(), 0));
  ASSERT_NE(memory, MAP_FAILED);
  // A whole ring is said to be skipped, and again, as long as whoever writes goes on: the reader would never return.
  constexpr std::size_t kHeader = 192, kHead = 64;
  std::memset(memory + kHeader, 0xff, 8);
  const std::uint64_t full = kEventRingBytes;
  std::memcpy(memory + kHead, &full, sizeof full);
  EXPECT_FALSE(consumer->pop());
  EXPECT_EQ(consumer->damaged(), 1u);
  munmap(memory, size);
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

}  // namespace
}  // namespace postern::ecshm
