// What the forwarder, which has fewer rights, says of itself to the gateway.
#include <cstdint>
#include <cstdlib>

#include "base/hex.h"
#include "gateway/forward/forwarder_limits.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace postern::gateway;
  const auto text = postern::as_text({data, size});
  if (const auto state = parse_forwarder_state(text)) {
    if (print_forwarder_state(*state) != text) std::abort();
    (void)forwarder_health(*state, postern::MonoTime(postern::Seconds(1)));
  }
  return 0;
}
