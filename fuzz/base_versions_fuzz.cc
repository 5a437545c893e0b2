// Three versions, one a line: each order is total.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "base/versions/order.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace postern::versions;
  std::string_view text(reinterpret_cast<const char*>(data), size);
  std::string_view v[3];
  for (auto& version : v) {
    const auto end = text.find('\n');
    version = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  for (const auto order : {Order::kDpkg, Order::kRpm, Order::kApk, Order::kSemver, Order::kPypi}) {
    for (const auto version : v) {
      if (compare(order, version, version) != 0) std::abort();
      if (valid(order, version) && version.size() > kMaxVersionLength) std::abort();
    }
    const auto ab = compare(order, v[0], v[1]);
    const auto bc = compare(order, v[1], v[2]);
    const auto ac = compare(order, v[0], v[2]);
    if (compare(order, v[1], v[0]) != (0 <=> ab)) std::abort();
    if (ab <= 0 && bc <= 0 && ac > 0) std::abort();
    if (ab >= 0 && bc >= 0 && ac < 0) std::abort();
    if (ab == 0 && ac != bc) std::abort();
  }
  return 0;
}
