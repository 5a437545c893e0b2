// Three versions, one a line: the order is total.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "vuln/debian_version.h"
#include "vuln/severity.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using postern::vuln::compare_debian_versions;
  std::string_view text(reinterpret_cast<const char*>(data), size);
  std::string_view v[3];
  for (auto& version : v) {
    const auto end = text.find('\n');
    version = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (compare_debian_versions(version, version) != 0) std::abort();
    postern::vuln::valid_debian_version(version);
    const auto score = postern::vuln::cvss3_base_score(version);
    if (score && !(*score >= 0.0 && *score <= 10.0)) std::abort();
  }
  const auto ab = compare_debian_versions(v[0], v[1]);
  const auto bc = compare_debian_versions(v[1], v[2]);
  const auto ac = compare_debian_versions(v[0], v[2]);
  if (compare_debian_versions(v[1], v[0]) != (0 <=> ab)) std::abort();
  if (ab <= 0 && bc <= 0 && ac > 0) std::abort();
  if (ab >= 0 && bc >= 0 && ac < 0) std::abort();
  if (ab == 0 && ac != bc) std::abort();
  return 0;
}
