#pragma once
// Files that rules name.
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace postern::agent {

inline constexpr std::size_t kMaxMatchedBytes = 16u << 20;
inline constexpr std::size_t kMaxMatchedLine = 64u << 10;  ///< What is behind that in a line is not looked at.

/// Path and pattern of a key's argument, as keys::file_matches makes it; nothing for anything else. Pure.
std::optional<std::pair<std::string, std::string>> parse_file_matches(std::string_view argument);
/// Does RE2 find the pattern in a line? Nothing: it is no pattern. Time is linear in the text. Pure.
std::optional<bool> any_line_matches(std::string_view text, const std::string& pattern);

}  // namespace postern::agent
