#pragma once
// Small text helpers without allocation where possible.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace postern {

std::string_view trim(std::string_view text);  ///< Spaces, tabs, CR, LF at both ends.
/// Pieces between separators, empty ones included; one empty piece for an empty text.
std::vector<std::string_view> split(std::string_view text, char separator);
std::string to_lower(std::string_view text);  ///< ASCII only.
/// The whole text as a decimal number in range, or nullopt.
std::optional<std::uint64_t> parse_u64(std::string_view text);
/// For a terminal or a line of a log: each control character (is_control) becomes a space, each byte that is not UTF-8
/// U+FFFD; everything else stays as it is.
std::string one_line(std::string_view text);
std::string join(const std::vector<std::string>& parts, std::string_view separator);

}  // namespace postern
