// An agent's inventory: only the one text that inventory_text writes is accepted.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "vuln/inventory.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace postern::vuln;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto inventory = parse_inventory(text);
  if (!inventory) return 0;
  const auto again = inventory_text(*inventory);
  if (!again || *again != text) std::abort();
  return 0;
}
