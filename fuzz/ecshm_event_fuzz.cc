// An event as a worker's memory may hold it: refused, or a value that survives being written and
// read again.
#include <cstdint>
#include <cstring>

#include "ecshm/event.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace postern::ecshm;
  std::uint8_t bytes[kEventBytes] = {};
  if (decode_event({data, size}).has_value() != (size == kEventBytes)) {
    // Only whole records can be good; a whole one may still be bad.
    if (size != kEventBytes) __builtin_trap();
  }
  std::memcpy(bytes, data, size < kEventBytes ? size : kEventBytes);
  const auto event = decode_event({bytes, kEventBytes});
  if (!event) return 0;
  std::uint8_t again[kEventBytes];
  encode_event(*event, again);
  const auto back = decode_event({again, kEventBytes});
  if (!back || !(*back == *event)) __builtin_trap();
  return 0;
}
