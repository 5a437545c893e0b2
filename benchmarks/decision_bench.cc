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
#include <new>
#include <numeric>
#include <random>
#include <vector>

#include "arguments.h"
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

/// A ring through every line of a mapped file, in random order: each step depends on the one before.
class MemoryMisses {
 public:
  MemoryMisses(const std::string& file, std::size_t bytes, std::mt19937& random) : lines_(bytes / kLine) {
    const int fd = ::open(file.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0 || ::ftruncate(fd, static_cast<off_t>(lines_ * kLine)) != 0) give_up(file.c_str());
    void* map = ::mmap(nullptr, lines_ * kLine, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (map == MAP_FAILED) give_up("mmap");
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

  /// Each by itself, with the clock's own cost in it.
  std::vector<std::uint32_t> single(std::size_t count) {
    std::vector<std::uint32_t> out(count);
    Nanos before = now();
    for (auto& took : out) {
      decide(place_++);
      const Nanos after = now();
      took = static_cast<std::uint32_t>(after - before);
      before = after;
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
  auto single = decisions.single(count);
  std::ranges::sort(single);
  std::printf("{\"p50_ns\": %u, \"p99_ns\": %u, \"worst_ns\": %u, \"allocations\": %llu, \"allowed\": %.3f}\n",
              single[count / 2], single[count * 99 / 100], single.back(), static_cast<unsigned long long>(allocated),
              static_cast<double>(decisions.allowed()) / static_cast<double>(decisions.decided()));
}
