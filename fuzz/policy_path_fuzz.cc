// A path that passes has one reading: decoding it, cutting it into segments and putting it together
// again by a second, plain implementation must give neither dots nor empty segments nor separators
// that were not there.
#include <cstdint>
#include <string>
#include <string_view>

#include "policy/path.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view raw(reinterpret_cast<const char*>(data), size);
  if (!postern::policy::canonical_path(raw)) return 0;
  std::string decoded;
  std::size_t slashes = 0, decoded_slashes = 0;
  for (std::size_t i = 0; i < raw.size(); ++i) {
    if (raw[i] == '/') ++slashes;
    if (raw[i] == '%') {
      decoded += static_cast<char>(std::stoi(std::string(raw.substr(i + 1, 2)), nullptr, 16));
      i += 2;
    } else {
      decoded += raw[i];
    }
  }
  for (const char c : decoded) {
    if (c == '/') ++decoded_slashes;
    if (c == '\\' || (static_cast<unsigned char>(c) < 0x20) || c == 0x7f) __builtin_trap();
  }
  if (slashes != decoded_slashes || decoded.empty() || decoded[0] != '/') __builtin_trap();
  decoded += '/';
  for (const std::string_view bad : {"//", "/./", "/../"}) {
    const auto at = decoded.find(bad);
    // The one slash that was just added may follow a trailing one.
    if (at != std::string::npos && at + bad.size() < decoded.size()) __builtin_trap();
    if (at != std::string::npos && bad != "//") __builtin_trap();
  }
  return 0;
}
