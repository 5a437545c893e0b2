// CVSS v3 vectors, one a line: a score is from 0 to 10.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "vuln/severity.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  while (!text.empty()) {
    const auto end = text.find('\n');
    const auto score = postern::vuln::cvss3_base_score(text.substr(0, end));
    if (score && !(*score >= 0.0 && *score <= 10.0)) std::abort();
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  return 0;
}
