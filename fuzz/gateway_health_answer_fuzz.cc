// Answers of real servers to checks: whatever they send is read within its bounds.
#include <cstdint>
#include <string_view>

#include "gateway/health/answers.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  namespace health = postern::gateway::health;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto status = health::http_status(text); status && (*status < 100 || *status > 599)) __builtin_trap();
  const postern::ByteView packet(data, size);
  for (const bool header : {false, true}) {
    if (health::is_echo_reply(packet, false, header, 1, 1) && size < 16) __builtin_trap();
    if (health::is_echo_reply(packet, true, header, 1, 1) && size < 16) __builtin_trap();
  }
  return 0;
}
