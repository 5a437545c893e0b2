// dpkg's database: what it yields is an inventory that can be written and read again.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "vuln/dpkg_status.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace postern::vuln;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  auto inventory = parse_dpkg_status(text, {"debian", "12"});
  if (inventory) {
    const auto written = inventory_text(*inventory);
    if (written) {
      const auto back = parse_inventory(*written);
      if (!back || *back != *inventory) std::abort();
    } else if (written.error().code != postern::ErrorCode::kResourceExhausted) {
      std::abort();
    }
  }
  parse_os_release(text);
  return 0;
}
