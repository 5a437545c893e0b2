// rpm's database as a whole: damaged in whatever way, it is read to its end or refused.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "vuln/rpm_database.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace postern::vuln;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto headers = read_rpm_database(bytes, {});
  if (!headers) return 0;
  for (const auto& header : *headers)
    if (header.name.empty() || header.version.empty() || header.release.empty()) std::abort();
  return 0;
}
