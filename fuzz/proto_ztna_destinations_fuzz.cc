// ZTNA destinations as an administrator or an EMS tells them.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "proto/destinations.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace postern::proto;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto one = parse_ztna_destination(text)) {
    const auto again = parse_ztna_destination(print_ztna_destination(*one));
    if (!again || *again != *one) std::abort();
  }
  const auto read = parse_ztna_destinations(text);
  if (!read) return 0;
  const auto again = parse_ztna_destinations(print_ztna_destinations(*read));
  if (!again || *again != *read) std::abort();
  return 0;
}
