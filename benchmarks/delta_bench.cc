// Changes of endpoints put into ec-shm, as fast as one core does, while another process' worth of readers decides at its pace.
//
// Usage: delta_bench --directory D --endpoints N --deltas N --rounds N --decisions N    D is made and left for the caller
// One line {"per_cpu_second", "per_second", "decisions", "waited", "worst_ns"} per round: `waited` counts decisions that did
// not get a whole record within the attempts that a reader has.
#include <atomic>
#include <random>
#include <thread>
#include <vector>

#include "arguments.h"
#include "ecshm/reader.h"
#include "ecshm/writer.h"
#include "timing.h"

namespace {

using namespace postern;
using namespace postern::bench;

constexpr std::uint32_t kTagsInUse = 500;
constexpr MonoTime kMono{Seconds(1000)};

template <class T>
void must(const Result<T>& result) {
  if (result) return;
  std::fprintf(stderr, "delta_bench: %s\n", result.error().message.c_str());
  std::exit(1);
}

struct Seen {
  std::uint64_t decisions = 0, waited = 0;
  Nanos worst = 0;
};

/// So many lookups a second of random endpoints, and of what changed, until told.
Seen decide(const std::string& directory, const std::vector<Sha256>& leaves, std::uint64_t a_second,
            const std::atomic<bool>& stop) {
  Seen seen;
  ecshm::Reader reader(directory);
  reader.refresh(true);
  std::mt19937 random(3);
  const Nanos step = 1'000'000'000 / static_cast<Nanos>(a_second);
  constexpr int kTogether = 10;
  for (Nanos next = now(); !stop.load(std::memory_order_relaxed); next += step * kTogether) {
    sleep_until(next);
    reader.take_changes([](std::uint32_t) {});
    for (int i = 0; i < kTogether; ++i) {
      const auto& leaf = leaves[random() % leaves.size()];
      const Nanos begun = now();
      const auto found = reader.find(leaf, kMono);
      seen.worst = std::max(seen.worst, now() - begun);
      if (!found.readable) ++seen.waited;
      if (found.readable && !found.state.known) std::exit(2);
      ++seen.decisions;
    }
  }
  return seen;
}

}  // namespace

int main(int argc, char** argv) {
  const Arguments arguments(argc, argv);
  const auto directory = arguments.text("directory");
  const auto count = static_cast<std::size_t>(arguments.number("deltas"));
  std::vector<Sha256> leaves(static_cast<std::size_t>(arguments.number("endpoints")));
  std::mt19937 random(2);
  ecshm::WriterOptions options;
  options.capacity = static_cast<std::uint32_t>(leaves.size());
  auto writer = ecshm::Writer::create(directory, options);
  must(writer);
  ecshm::SlotData data;
  data.connector = 1;
  data.online = data.registered = true;
  for (auto& leaf : leaves) {
    for (auto& byte : leaf) byte = static_cast<std::uint8_t>(random());
    must((*writer)->upsert(leaf, data));
  }
  must((*writer)->publish());
  (*writer)->set_lease(kMono + Seconds(5));
  (*writer)->set_connector_valid_until(1, kMono + Seconds(5));

  std::int64_t stamp = 0;
  for (long round = 0; round < arguments.number("rounds"); ++round) {
    std::atomic<bool> stop{false};
    Seen seen;
    std::thread reader([&] {
      seen = decide(directory, leaves, static_cast<std::uint64_t>(arguments.number("decisions")), stop);
    });
    const Nanos begun = now(), cpu = read_clock(CLOCK_THREAD_CPUTIME_ID);
    for (std::size_t i = 0; i < count; ++i) {
      // Another endpoint each time, with other tags than it had.
      const auto& leaf = leaves[random() % leaves.size()];
      data.not_after = from_unix_ms(++stamp);
      data.tags = {};
      data.tags.set(random() % kTagsInUse);
      data.tags.set(random() % kTagsInUse);
      must((*writer)->upsert(leaf, data));
      if (i % 1000 == 999) (*writer)->notify();  // as a batch of the EMS's comes
    }
    const Nanos spent = read_clock(CLOCK_THREAD_CPUTIME_ID) - cpu, took = now() - begun;
    stop = true;
    reader.join();
    const auto rate = [&](Nanos t) { return static_cast<double>(count) * 1e9 / static_cast<double>(t); };
    std::printf("{\"per_cpu_second\": %.0f, \"per_second\": %.0f, \"decisions\": %llu, \"waited\": %llu, \"worst_ns\": %lld}\n",
                rate(spent), rate(took), static_cast<unsigned long long>(seen.decisions),
                static_cast<unsigned long long>(seen.waited), static_cast<long long>(seen.worst));
  }
}
