#pragma once
// The end of a release's support. Pure.
#include <cstdint>
#include <optional>
#include <string_view>

namespace postern::agent {

/// A day as YYYY-MM-DD, as Unix ms of its first instant in UTC; nothing for anything else.
std::optional<std::int64_t> parse_day(std::string_view text);

}  // namespace postern::agent
