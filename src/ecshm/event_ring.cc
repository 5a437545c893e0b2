#include "ecshm/event_ring.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/file.h"

namespace postern::ecshm {
namespace {

constexpr std::uint32_t kVersion = 2;
constexpr std::uint64_t kMagic = 0x31474e5256455350;  // "PSEVRNG1"

struct RingHeader {
  std::uint64_t magic;
  std::uint32_t version;
  std::uint32_t record_bytes;
  std::uint64_t fixed_padding[6];
  std::uint64_t head;     // Producer: records written ever.
  std::uint64_t dropped;  // Producer.
  std::uint64_t head_padding[6];
  std::uint64_t tail;  // Consumer: records read ever.
  std::uint32_t
      rests;  // A Rest; consumer sets, producer clears: 0 is "nudged, has not looked yet".
  std::uint32_t tail_reserved;
  std::uint64_t tail_padding[6];
};

constexpr std::size_t kRingBytes = sizeof(RingHeader) + kEventRingRecords * kEventBytes;

RingHeader* header(const Mapping& map) { return reinterpret_cast<RingHeader*>(map.data()); }
std::uint8_t* record(const Mapping& map, std::uint64_t n) {
  return reinterpret_cast<std::uint8_t*>(map.data()) + sizeof(RingHeader) +
         n % kEventRingRecords * kEventBytes;
}

}  // namespace

Result<EventProducer> EventProducer::create() {
  const int fd = memfd_create("postern-events", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (fd < 0) return fail(errno_error(errno, "making", "the ring of events"));
  void* base = MAP_FAILED;
  if (ftruncate(fd, kRingBytes) == 0 &&
      fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) == 0) {
    base = mmap(nullptr, kRingBytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  }
  if (base == MAP_FAILED) {
    const auto error = errno_error(errno, "making", "the ring of events");
    close(fd);
    return fail(error);
  }
  Mapping map(base, kRingBytes);
  auto* h = header(map);
  h->magic = kMagic;
  h->version = kVersion;
  h->record_bytes = kEventBytes;
  return EventProducer(std::move(map), fd);
}

EventProducer::EventProducer(EventProducer&& other) noexcept
    : map_(std::move(other.map_)), fd_(std::exchange(other.fd_, -1)) {}

EventProducer::~EventProducer() {
  if (fd_ >= 0) close(fd_);
}

bool EventProducer::push(const Event& event) {
  auto* h = header(map_);
  const auto head = load(h->head);
  if (head - load(h->tail, std::memory_order_acquire) >= kEventRingRecords) {
    store(h->dropped, load(h->dropped) + 1);
    return false;
  }
  encode_event(event, record(map_, head));
  store(h->head, head + 1, std::memory_order_release);
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
      st.st_size != static_cast<off_t>(kRingBytes)) {
    return fail(ErrorCode::kInvalidArgument,
                "a worker handed over something that is not a ring of events");
  }
  void* base = mmap(nullptr, kRingBytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (base == MAP_FAILED) return fail(errno_error(errno, "mapping", "a ring of events"));
  Mapping map(base, kRingBytes);
  if (header(map)->magic != kMagic || header(map)->version != kVersion ||
      header(map)->record_bytes != kEventBytes) {
    return fail(ErrorCode::kInvalidArgument, "a worker's ring of events is of another version");
  }
  return EventConsumer(std::move(map));
}

std::optional<Event> EventConsumer::pop() {
  auto* h = header(map_);
  for (;;) {
    auto tail = load(h->tail);
    const auto head = load(h->head, std::memory_order_acquire);
    if (head == tail) return std::nullopt;
    // A producer that claims more than the ring holds has lost its way: take up where it says it
    // is.
    if (head - tail > kEventRingRecords) {
      ++damaged_;
      store(h->tail, head, std::memory_order_release);
      return std::nullopt;
    }
    std::uint8_t copy[kEventBytes];
    std::memcpy(copy, record(map_, tail), kEventBytes);
    store(h->tail, tail + 1, std::memory_order_release);
    auto event = decode_event({copy, kEventBytes});
    if (event) return std::move(*event);
    ++damaged_;
  }
}

void EventConsumer::rest(Rest how) {
  store(header(map_)->rests, static_cast<std::uint32_t>(how));
  std::atomic_thread_fence(std::memory_order_seq_cst);
}

std::uint64_t EventConsumer::dropped() const { return load(header(map_)->dropped); }

}  // namespace postern::ecshm
