// The file that says whose the pinned addresses are: whatever stands there, what is read comes back the same.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "gateway/addresses/kept_pins.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace postern::gateway;
  const auto pins = decode_pins({reinterpret_cast<const char*>(data), size});
  if (decode_pins(encode_pins(pins)) != pins) std::abort();
  return 0;
}
