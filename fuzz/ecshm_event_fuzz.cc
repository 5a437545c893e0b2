// An event as a worker's memory may hold it: refused, or a value that survives being written and
// read again.
#include <cstdint>
#include <vector>

#include "ecshm/event.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace postern::ecshm;
  std::vector<std::uint8_t> bytes(data, data + size);
  const auto event = decode_event(bytes);
  if (!event) return 0;
  std::uint8_t again[kMaxEventBytes];
  const auto length = encode_event(*event, again);
  const auto back = decode_event({again, length});
  if (!back || !(*back == *event)) __builtin_trap();
  return 0;
}
