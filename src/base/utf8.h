#pragma once
// Characters of a UTF-8 text, one after the other.
#include <cstddef>
#include <string_view>

namespace postern {

struct Utf8Character {
  char32_t point = 0;
  std::size_t length = 0;  ///< In bytes; 0: what begins there is none (RFC 3629: no overlong form, no surrogate).
};
/// The one at the start of `text`.
Utf8Character first_character(std::string_view text);

/// Not for the eye but for whatever shows it: C0 and C1 controls, DEL, line and paragraph separators, and what turns
/// the direction of the text after it. Somebody else's text with one of these can give a terminal orders, forge a line
/// of a log, or look like another.
bool is_control(char32_t point);

/// Takes no room of its own, or none that an eye would see: zero width, marks of direction, soft hyphens, byte order marks,
/// tags. Two names that differ by one of these look alike.
bool is_invisible(char32_t point);

/// As people count characters: code points. Bytes that are no UTF-8 count each.
std::size_t count_characters(std::string_view text);

}  // namespace postern
