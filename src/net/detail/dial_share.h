#pragma once
#include <algorithm>
#include <chrono>
#include <cstddef>

namespace postern::net::detail {

/// How long one address is waited for, where `count` are still to be tried in `left`: as long as those behind it, but not
/// less than a second as long as there is one. Pure; `count` at least 1.
inline std::chrono::milliseconds dial_share(std::chrono::milliseconds left, std::size_t count) {
  const auto even = left / static_cast<std::chrono::milliseconds::rep>(count);
  return std::clamp(std::max<std::chrono::milliseconds>(even, std::chrono::seconds(1)), std::chrono::milliseconds(0),
                    std::max(left, std::chrono::milliseconds(0)));
}

}  // namespace postern::net::detail
