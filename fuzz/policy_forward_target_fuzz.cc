// The query of a request to forward TCP: read once, it reads the same for ever, and within bounds.
#include <cstdint>
#include <string_view>

#include "policy/forward_target.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace postern::policy;
  const auto read = forward_target({reinterpret_cast<const char*>(data), size});
  if (!read) return 0;
  if (read->host.empty() || read->host.size() > kMaxForwardHost || read->port == 0) __builtin_trap();
  const auto again = forward_target_of_text(read->text());
  if (!again || again->text() != read->text()) __builtin_trap();
  return 0;
}
