// apk's database: what it yields is an inventory that can be written and read again.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "vuln/apk_installed.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace postern::vuln;
  const auto inventory = parse_apk_installed({reinterpret_cast<const char*>(data), size}, {"alpine", "3.19"});
  if (!inventory) return 0;
  const auto written = inventory_text(*inventory);
  if (written) {
    const auto back = parse_inventory(*written);
    if (!back || *back != *inventory) std::abort();
  } else if (written.error().code != postern::ErrorCode::kResourceExhausted) {
    std::abort();
  }
  return 0;
}
