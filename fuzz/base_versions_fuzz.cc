// Three versions, one a line: the order is total.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "base/versions/debian.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using postern::versions::compare_debian;
  std::string_view text(reinterpret_cast<const char*>(data), size);
  std::string_view v[3];
  for (auto& version : v) {
    const auto end = text.find('\n');
    version = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (compare_debian(version, version) != 0) std::abort();
    postern::versions::valid_debian(version);
  }
  const auto ab = compare_debian(v[0], v[1]);
  const auto bc = compare_debian(v[1], v[2]);
  const auto ac = compare_debian(v[0], v[2]);
  if (compare_debian(v[1], v[0]) != (0 <=> ab)) std::abort();
  if (ab <= 0 && bc <= 0 && ac > 0) std::abort();
  if (ab >= 0 && bc >= 0 && ac < 0) std::abort();
  if (ab == 0 && ac != bc) std::abort();
  return 0;
}
