#pragma once
// What must hold of everything of posture that comes as JSON from outside.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "posture/quote.h"

namespace postern::posture {

inline void demand(bool holds) {
  if (!holds) std::abort();
}

/// What `parse` makes of the bytes. What it refuses it explains in short clean text; what it accepts is printed and read
/// back as the same.
template <class Parse, class Print>
auto read_json(const std::uint8_t* data, std::size_t size, Parse&& parse, Print&& print) {
  const auto value = parse({reinterpret_cast<const char*>(data), size});
  if (!value) {
    demand(clean_text(value.error().message));
    demand(value.error().message.size() < 1000);
    return value;
  }
  const auto again = parse(print(*value));
  demand(again && *again == *value);
  return value;
}

}  // namespace postern::posture
