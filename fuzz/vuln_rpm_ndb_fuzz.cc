// rpm's database in SUSE's form: damaged in whatever way, it is read to its end or refused.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "vuln/rpm_ndb.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto headers = postern::vuln::read_rpm_ndb({reinterpret_cast<const char*>(data), size});
  if (!headers) return 0;
  for (const auto& header : *headers)
    if (header.name.empty() || header.version.empty() || header.release.empty()) std::abort();
  return 0;
}
