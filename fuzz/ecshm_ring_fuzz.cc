// A ring of events that a worker hands over: whatever is in it, the gateway takes events out of it and comes to an end.
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>

#include "ecshm/event_ring.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace postern::ecshm;
  static auto producer = EventProducer::create();
  if (!producer) return 0;
  const auto length = static_cast<std::size_t>(::lseek(producer->fd(), 0, SEEK_END));
  auto* memory = static_cast<std::uint8_t*>(
      ::mmap(nullptr, length, PROT_READ | PROT_WRITE, MAP_SHARED, producer->fd(), 0));
  if (memory == MAP_FAILED) return 0;
  std::memset(memory + 16, 0, length - 16);  // Magic and version stay, so that the rest is what gets tested.
  std::memcpy(memory + 64, data, size < length - 64 ? size : length - 64);
  if (auto consumer = EventConsumer::open(producer->fd())) {
    std::size_t taken = 0;
    while (consumer->pop()) {
      if (++taken > kEventRingBytes / 64) std::abort();
    }
    consumer->rest(postern::ecshm::Rest::kSleep);
    if (consumer->pop()) std::abort();
    consumer->dropped();
  }
  ::munmap(memory, length);
  return 0;
}
