#include "ecshm/event_ring.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/file.h"

namespace postern::ecshm {
namespace {

constexpr std::uint32_t kVersion = 3;
constexpr std::uint64_t kMagic = 0x31474e5256455350;  // "PSEVRNG1"

struct RingHeader {
  std::uint64_t magic;
  std::uint32_t version;
  std::uint32_t ring_bytes;
  std::uint64_t fixed_padding[6];
  std::uint64_t head;     // Producer: bytes written ever.
  std::uint64_t dropped;  // Producer.
  std::uint64_t head_padding[6];
  std::uint64_t tail;  // Consumer: bytes read ever.
  std::uint32_t
      rests;  // A Rest; consumer sets, producer clears: 0 is "nudged, has not looked yet".
  std::uint32_t tail_reserved;
  std::uint64_t tail_padding[6];
};

constexpr std::size_t kMapBytes = sizeof(RingHeader) + kEventRingBytes;
/// Before each event: how many bytes it takes. kSkip: none fitted here, the next is at the ring's beginning. Eight bytes, so
/// that there is always room for one, and all are aligned.
using Prefix = std::uint64_t;
constexpr Prefix kSkip = ~Prefix{0};

RingHeader* header(const Mapping& map) { return reinterpret_cast<RingHeader*>(map.data()); }
std::uint8_t* place(const Mapping& map, std::uint64_t at) {
  return reinterpret_cast<std::uint8_t*>(map.data()) + sizeof(RingHeader) + at % kEventRingBytes;
}
std::size_t until_end(std::uint64_t at) { return kEventRingBytes - at % kEventRingBytes; }
/// What holds the largest, as it may be where the ring ends.
constexpr std::size_t kMaxTaken = sizeof(Prefix) + kMaxEventBytes;
constexpr int kMaxSkipped = 64;
static_assert(kEventRingBytes % sizeof(Prefix) == 0 && kEventRingBytes > 4 * kMaxTaken);

}  // namespace

Result<EventProducer> EventProducer::create() {
  const int fd = memfd_create("postern-events", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (fd < 0) return fail(errno_error(errno, "making", "the ring of events"));
  void* base = MAP_FAILED;
  if (ftruncate(fd, kMapBytes) == 0 &&
      fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) == 0) {
    base = mmap(nullptr, kMapBytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  }
  if (base == MAP_FAILED) {
    const auto error = errno_error(errno, "making", "the ring of events");
    close(fd);
    return fail(error);
  }
  Mapping map(base, kMapBytes);
  auto* h = header(map);
  h->magic = kMagic;
  h->version = kVersion;
  h->ring_bytes = kEventRingBytes;
  return EventProducer(std::move(map), fd);
}

EventProducer::EventProducer(EventProducer&& other) noexcept
    : map_(std::move(other.map_)), fd_(std::exchange(other.fd_, -1)) {}

EventProducer::~EventProducer() {
  if (fd_ >= 0) close(fd_);
}

bool EventProducer::push(const EventView& event) {
  auto* h = header(map_);
  auto head = load(h->head);
  const auto free = kEventRingBytes - (head - load(h->tail, std::memory_order_acquire));
  const auto rest = until_end(head);
  const bool skips = rest < kMaxTaken;
  if (free < kMaxTaken + (skips ? rest : 0)) {
    store(h->dropped, load(h->dropped) + 1);
    return false;
  }
  if (skips) {
    std::memcpy(place(map_, head), &kSkip, sizeof kSkip);
    head += rest;
  }
  auto* to = place(map_, head);
  const Prefix size = encode_event(event, to + sizeof(Prefix));
  std::memcpy(to, &size, sizeof size);
  store(h->head, head + sizeof size + size, std::memory_order_release);
  return true;
}

bool EventProducer::take_nudge(bool urgent) {
  // We wrote `head` and read `rests`, the consumer writes `rests` and reads `head` (in the `pop`
  // after `rest`). With a full fence between the two on both sides, one of us sees what the other
  // wrote: either we nudge, or the consumer takes the record itself. Where `rests` is 0 a nudge is
  // on its way already, and the consumer reads `head` after that.
  std::atomic_thread_fence(std::memory_order_seq_cst);
  auto& rests = header(map_)->rests;
  const auto how = load(rests);
  if (how == 0 || (!urgent && how == static_cast<std::uint32_t>(Rest::kDoze))) return false;
  return std::atomic_ref(rests).exchange(0) != 0;
}

std::uint64_t EventProducer::dropped() const { return load(header(map_)->dropped); }

Result<EventConsumer> EventConsumer::open(int fd) {
  struct stat st {};
  const int seals = fcntl(fd, F_GET_SEALS);
  // Without the seal a worker could shrink the memory under us.
  if (seals < 0 || (seals & F_SEAL_SHRINK) == 0 || fstat(fd, &st) != 0 ||
      st.st_size != static_cast<off_t>(kMapBytes)) {
    return fail(ErrorCode::kInvalidArgument,
                "a worker handed over something that is not a ring of events");
  }
  void* base = mmap(nullptr, kMapBytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (base == MAP_FAILED) return fail(errno_error(errno, "mapping", "a ring of events"));
  Mapping map(base, kMapBytes);
  if (header(map)->magic != kMagic || header(map)->version != kVersion ||
      header(map)->ring_bytes != kEventRingBytes) {
    return fail(ErrorCode::kInvalidArgument, "a worker's ring of events is of another version");
  }
  return EventConsumer(std::move(map));
}

std::optional<EventView> EventConsumer::pop() {
  auto* h = header(map_);
  for (int skipped = 0;;) {
    const auto tail = load(h->tail);
    const auto head = load(h->head, std::memory_order_acquire);
    if (head == tail) return std::nullopt;
    // A producer that claims more than the ring holds, or what is no event, has lost its way: take up where it says it is.
    const auto lost = [&] {
      ++damaged_;
      store(h->tail, head, std::memory_order_release);
      return std::nullopt;
    };
    if (head - tail > kEventRingBytes || tail % sizeof(Prefix) != 0) return lost();
    const auto rest = until_end(tail);
    // Read once: who wrote it may write on.
    const Prefix size = load(*reinterpret_cast<const Prefix*>(place(map_, tail)));
    if (size == kSkip) {
      // Only where the ring ends, so that what follows is an event.
      if (rest >= kMaxTaken || head - tail < rest) return lost();
      store(h->tail, tail + rest, std::memory_order_release);
      continue;
    }
    if (size > kMaxEventBytes || size % sizeof(Prefix) != 0 || sizeof size + size > std::min<std::uint64_t>(rest, head - tail))
      return lost();
    std::memcpy(taken_.data(), place(map_, tail) + sizeof size, size);
    store(h->tail, tail + sizeof size + size, std::memory_order_release);
    auto event = decode_event({taken_.data(), size});
    if (event) return *event;
    // Somebody who writes such ones without end must not keep us.
    if (++skipped == kMaxSkipped) return lost();
    ++damaged_;
  }
}

void EventConsumer::rest(Rest how) {
  store(header(map_)->rests, static_cast<std::uint32_t>(how));
  std::atomic_thread_fence(std::memory_order_seq_cst);
}

std::uint64_t EventConsumer::dropped() const { return load(header(map_)->dropped); }

}  // namespace postern::ecshm
