#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "proto/invitation.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace postern;
  const auto parsed = proto::parse_invitation({reinterpret_cast<const char*>(data), size});
  if (!parsed) return 0;
  const auto again = proto::parse_invitation(proto::print_invitation(*parsed));
  if (!again || *again != *parsed) std::abort();
  return 0;
}
