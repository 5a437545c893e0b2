// A header of rpm's database: what it yields is an inventory that can be written and read again, or an error.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "vuln/rpm_header.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace postern::vuln;
  auto header = parse_rpm_header({reinterpret_cast<const char*>(data), size});
  if (!header) return 0;
  const auto inventory = inventory_of_rpms({*header}, {"rocky", "9.4"});
  if (!inventory) return 0;
  const auto text = inventory_text(*inventory);
  if (!text) std::abort();
  const auto back = parse_inventory(*text);
  if (!back || *back != *inventory) std::abort();
  return 0;
}
