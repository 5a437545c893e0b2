// rpm's database as a whole, and the write-ahead log beside it: damaged in whatever way, it is read to its end or
// refused.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "vuln/rpm_database.h"

namespace {

/// Of a SQLite database, as its header says; the log stands behind it in an input.
std::size_t bytes_of(std::string_view database) {
  if (database.size() < 100) return database.size();
  const auto number = [&](std::size_t at, std::size_t bytes) {
    std::size_t out = 0;
    for (std::size_t i = 0; i < bytes; ++i) out = out << 8 | static_cast<unsigned char>(database[at + i]);
    return out;
  };
  return std::min(number(16, 2) * number(28, 4), database.size());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace postern::vuln;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const std::size_t database = bytes_of(bytes);
  const auto headers = read_rpm_database(bytes.substr(0, database), bytes.substr(database));
  if (!headers) return 0;
  for (const auto& header : *headers)
    if (header.name.empty() || header.version.empty() || header.release.empty()) std::abort();
  return 0;
}
