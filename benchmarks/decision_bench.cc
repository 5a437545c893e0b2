// The decision as nginx's workers take it: certificate → slot of ec-shm → tags → policies, for random ones of a million
// endpoints. Beside it, in turns, what no lookup in a table of that size can do without: two dependent misses of the
// memory, in a mapping of the same kind and size.
//
// Usage: decision_bench --directory D --endpoints N --decisions N --rounds N     D is made and left for the caller
// One line {"ours_ns", "peer_ns"} per round, then one with the distribution of single decisions.
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <new>
#include <numeric>
#include <random>
#include <vector>

#include "arguments.h"
#include "ecshm/mapping.h"
#include "ecshm/reader.h"
#include "ecshm/writer.h"
#include "policy/compile.h"
#include "policy/decide.h"
#include "timing.h"

namespace {

std::atomic<std::uint64_t> allocations{0};

}  // namespace

void* operator new(std::size_t size) {
  allocations.fetch_add(1, std::memory_order_relaxed);
  if (void* out = std::malloc(size)) return out;
  throw std::bad_alloc();
}
void operator delete(void* what) noexcept { std::free(what); }
void operator delete(void* what, std::size_t) noexcept { std::free(what); }

namespace {

using namespace postern;
using namespace postern::bench;

constexpr std::uint32_t kProxies = 50, kPoliciesPerProxy = 20;
constexpr std::uint32_t kTagsInUse = 500, kTagsPerEndpoint = 12, kTagsPerPolicy = 5;
constexpr std::size_t kLine = 64;
constexpr WallTime kWall{Millis(1'780'000'000'000)};
constexpr MonoTime kMono{Seconds(1000)};

template <class T>
void must(const Result<T>& result) {
  if (result) return;
  std::fprintf(stderr, "decision_bench: %s\n", result.error().message.c_str());
  std::exit(1);
}

/// Of each proxy's policies the first ones deny, the others let in, each by any of a few tags.
policy::PolicyTable policies(std::mt19937& random) {
  std::uniform_int_distribution<std::uint16_t> tag(0, kTagsInUse - 1);
  policy::PolicyTable table;
  for (std::uint32_t p = 1; p <= kProxies; ++p) {
    policy::Proxy proxy;
    proxy.id = p;
    proxy.name = "proxy" + std::to_string(p);
    policy::ApiGateway gateway;
    gateway.id = 1;
    gateway.pool = p;
    proxy.api_gateways.push_back(gateway);
    table.proxies.push_back(proxy);
    for (std::uint32_t i = 0; i < kPoliciesPerProxy; ++i) {
      policy::Policy one;
      one.id = p * 100 + i;
      one.proxies = {p};
      one.action = i < kPoliciesPerProxy / 5 ? policy::Action::kDeny : policy::Action::kAccept;
      while (one.tags.size() < kTagsPerPolicy) {
        const auto bit = tag(random);
        if (std::ranges::find(one.tags, bit) == one.tags.end()) one.tags.push_back(bit);
      }
      table.policies.push_back(std::move(one));
    }
  }
  return table;
}

/// The processor's counter, which is read in a third of the time of the kernel's clock and waits for what is under way.
class TickClock {
 public:
  static std::uint64_t read() {
#if defined(__x86_64__)
    unsigned aux;
    const auto ticks = __builtin_ia32_rdtscp(&aux);
    __builtin_ia32_lfence();
    return ticks;
#else
    return static_cast<std::uint64_t>(now());
#endif
  }
  TickClock() {
    const Nanos begun = now();
    const auto first = read();
    while (now() - begun < 50'000'000) {}
    const auto last = read();
    per_tick_ = static_cast<double>(now() - begun) / static_cast<double>(last - first);
    // What two readings with nothing between them differ by, mostly.
    std::vector<std::uint64_t> nothing(10'000);
    for (auto& ticks : nothing) {
      const auto before = read();
      ticks = read() - before;
    }
    std::ranges::sort(nothing);
    own_ = nothing[nothing.size() / 2];
  }
  double nanoseconds(std::uint64_t ticks) const { return ticks > own_ ? static_cast<double>(ticks - own_) * per_tick_ : 0; }
  double own() const { return static_cast<double>(own_) * per_tick_; }

 private:
  double per_tick_ = 1;
  std::uint64_t own_ = 0;
};

/// A ring through every line of a mapped file, in random order: each step depends on the one before.
class MemoryMisses {
 public:
  MemoryMisses(const std::string& file, std::size_t bytes, std::mt19937& random) : lines_(bytes / kLine) {
    const int fd = ::open(file.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0 || ::posix_fallocate(fd, 0, static_cast<off_t>(lines_ * kLine)) != 0) give_up(file.c_str());
    void* map = ecshm::map_shared(fd, lines_ * kLine, true);
    if (map == nullptr) give_up("mmap");
    ::close(fd);
    base_ = static_cast<std::uint64_t*>(map);
    std::vector<std::uint32_t> order(lines_);
    std::iota(order.begin(), order.end(), 0);
    std::shuffle(order.begin() + 1, order.end(), random);
    for (std::size_t i = 0; i < lines_; ++i) base_[at(order[i])] = at(order[(i + 1) % lines_]);
  }
  ~MemoryMisses() { ::munmap(base_, lines_ * kLine); }
  MemoryMisses(const MemoryMisses&) = delete;
  MemoryMisses& operator=(const MemoryMisses&) = delete;

  /// Nanoseconds for two.
  double measure(std::size_t pairs) {
    const Nanos start = now();
    for (std::size_t i = 0; i < 2 * pairs; ++i) place_ = base_[place_];
    const Nanos took = now() - start;
    asm volatile("" : : "r"(place_));
    return static_cast<double>(took) / static_cast<double>(pairs);
  }
  /// Each pair by itself.
  std::vector<double> single(std::size_t pairs, const TickClock& clock) {
    std::vector<double> out(pairs);
    for (auto& took : out) {
      const auto before = TickClock::read();
      place_ = base_[base_[place_]];
      asm volatile("" : : "r"(place_));
      const auto after = TickClock::read();
      took = clock.nanoseconds(after - before);
    }
    return out;
  }

 private:
  static std::uint64_t at(std::size_t line) { return line * (kLine / sizeof(std::uint64_t)); }
  std::size_t lines_;
  std::uint64_t* base_ = nullptr;
  std::uint64_t place_ = 0;
};

class Decisions {
 public:
  Decisions(const std::string& directory, std::uint32_t endpoints, std::mt19937& random)
      : leaves_(endpoints), reader_(directory) {
    ecshm::WriterOptions options;
    options.capacity = endpoints;
    auto writer = ecshm::Writer::create(directory, options);
    must(writer);
    std::uniform_int_distribution<std::uint16_t> tag(0, kTagsInUse - 1);
    ecshm::SlotData data;
    data.connector = 1;
    data.not_after = kWall + Seconds(86400);
    data.online = data.registered = true;
    for (auto& leaf : leaves_) {
      for (auto& byte : leaf) byte = static_cast<std::uint8_t>(random());
      data.tags = {};
      for (std::uint32_t i = 0; i < kTagsPerEndpoint; ++i) data.tags.set(tag(random));
      must((*writer)->upsert(leaf, data));
    }
    const auto blob = policy::compile(policies(random));
    must(blob);
    must((*writer)->publish());
    must((*writer)->publish_policies(*blob));
    (*writer)->set_lease(kMono + Seconds(5));
    (*writer)->set_connector_valid_until(1, kMono + Seconds(5));
    reader_.refresh(true);
    if (!reader_.problem().empty()) {
      std::fprintf(stderr, "decision_bench: %s\n", reader_.problem().c_str());
      std::exit(1);
    }
    // Requests come in another order than endpoints were enrolled.
    std::shuffle(leaves_.begin(), leaves_.end(), random);
    request_.certificate = policy::Certificate::kVerified;
    request_.certificate_not_after = kWall + Seconds(86400);
    request_.host = "app.example.org";
    request_.path = "/";
    request_.source = *IpAddress::parse("10.0.1.2");
    request_.now = kWall;
  }

  /// Nanoseconds for one. Each waits for the one before: the next index hangs on the result.
  double measure(std::size_t count) {
    const Nanos start = now();
    std::size_t wait = 0;
    for (std::size_t i = 0; i < count; ++i) wait = decide(place_++ + wait);
    const Nanos took = now() - start;
    asm volatile("" : : "r"(wait));
    return static_cast<double>(took) / static_cast<double>(count);
  }

  /// Each by itself, without the clock's own cost: nanoseconds.
  std::vector<double> single(std::size_t count, const TickClock& clock) {
    std::vector<double> out(count);
    for (auto& took : out) {
      const auto before = TickClock::read();
      decide(place_++);
      const auto after = TickClock::read();
      took = clock.nanoseconds(after - before);
    }
    return out;
  }

  std::uint64_t allowed() const { return allowed_; }
  std::uint64_t decided() const { return decided_; }

 private:
  /// Always 0, which the compiler cannot know.
  std::size_t decide(std::size_t index) {
    const auto& leaf = leaves_[index % leaves_.size()];
    request_.proxy = 1 + static_cast<std::uint32_t>(index % kProxies);
    const auto found = reader_.find(leaf, kMono);
    const auto decision = policy::decide(reader_.policies(), found.state, request_);
    allowed_ += decision.allow ? 1 : 0;
    ++decided_;
    std::size_t out = decision.policy;
    asm volatile("xor %0, %0" : "+r"(out));
    return out;
  }

  std::vector<Sha256> leaves_;
  ecshm::Reader reader_;
  policy::RequestContext request_;
  std::size_t place_ = 0;
  std::uint64_t allowed_ = 0, decided_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
  const Arguments arguments(argc, argv);
  const auto directory = arguments.text("directory");
  const auto endpoints = static_cast<std::uint32_t>(arguments.number("endpoints"));
  const auto count = static_cast<std::size_t>(arguments.number("decisions"));
  std::mt19937 random(2);  // The same endpoints and policies in every run.
  Decisions decisions(directory, endpoints, random);
  MemoryMisses misses(directory + "/misses", std::size_t{endpoints} * sizeof(ecshm_slot), random);

  decisions.measure(count);  // Pages are mapped, caches hold what they can.
  misses.measure(count);
  std::uint64_t allocated = 0;
  for (long round = 0; round < arguments.number("rounds"); ++round) {
    double ours = 0, peer = 0;
    const auto measure_ours = [&] {
      const auto before = allocations.load();
      ours += decisions.measure(count) / 2;
      allocated += allocations.load() - before;
    };
    measure_ours();
    peer += misses.measure(count);
    peer += misses.measure(count);
    measure_ours();
    std::printf("{\"ours_ns\": %.1f, \"peer_ns\": %.1f}\n", ours, peer / 2);
  }
  const TickClock clock;
  auto single = decisions.single(count, clock);
  auto pairs = misses.single(count, clock);
  std::ranges::sort(pairs);
  std::ranges::sort(single);
  std::printf("{\"p50_ns\": %.0f, \"p99_ns\": %.0f, \"worst_ns\": %.0f, \"clock_ns\": %.1f, \"peer_p50_ns\": %.0f, \"peer_p99_ns\": %.0f, "
              "\"allocations\": %llu, \"allowed\": %.3f, \"bytes_per_endpoint\": %.1f}\n",
              single[count / 2], single[count * 99 / 100], single.back(), clock.own(), pairs[count / 2], pairs[count * 99 / 100],
              static_cast<unsigned long long>(allocated),
              static_cast<double>(decisions.allowed()) / static_cast<double>(decisions.decided()),
              static_cast<double>(std::filesystem::file_size(directory + "/" ECSHM_FILE)) / endpoints);
}
