// An order to end sessions as it may come over the socket: one for nothing, or one whose parts are all within bounds.
#include <cstdint>
#include <cstring>

#include "ecshm/channel.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace postern::ecshm;
  Message message;
  std::memcpy(static_cast<void*>(&message), data, size < sizeof message ? size : sizeof message);
  const auto order = clear_order(message);
  if (!order) return 0;
  if (static_cast<std::uint32_t>(order->kind) >= kSessionKinds || order->administrator.size() > sizeof message.administrator)
    __builtin_trap();
  return 0;
}
