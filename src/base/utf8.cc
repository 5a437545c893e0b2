#include "base/utf8.h"

namespace postern {

Utf8Character first_character(std::string_view text) {
  if (text.empty()) return {};
  const auto lead = static_cast<unsigned char>(text.front());
  if (lead < 0x80) return {lead, 1};
  const std::size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (lead < 0xC2 || lead > 0xF4 || text.size() < length) return {};
  char32_t point = lead & (0xFFu >> (length + 1));
  for (std::size_t i = 1; i < length; ++i) {
    const auto next = static_cast<unsigned char>(text[i]);
    if ((next & 0xC0) != 0x80) return {};
    point = point << 6 | (next & 0x3Fu);
  }
  const bool overlong = (length == 3 && point < 0x800) || (length == 4 && point < 0x10000);
  const bool surrogate = point >= 0xD800 && point <= 0xDFFF;
  if (overlong || surrogate || point > 0x10FFFF) return {};
  return {point, length};
}

bool is_control(char32_t point) {
  const auto within = [&](char32_t first, char32_t last) { return point >= first && point <= last; };
  return point < 0x20 || within(0x7F, 0x9F) || within(0x2028, 0x2029) || within(0x202A, 0x202E) ||
         within(0x2066, 0x2069);
}

bool is_invisible(char32_t point) {
  const auto within = [&](char32_t first, char32_t last) { return point >= first && point <= last; };
  return point == 0xAD || point == 0x61C || point == 0x180E || within(0x200B, 0x200F) || within(0x2060, 0x2065) ||
         within(0x206A, 0x206F) || point == 0xFEFF || within(0xFFF9, 0xFFFB) || within(0xE0000, 0xE007F);
}

std::size_t count_characters(std::string_view text) {
  std::size_t out = 0;
  while (!text.empty()) {
    const auto length = first_character(text).length;
    text.remove_prefix(length == 0 ? 1 : length);
    ++out;
  }
  return out;
}

}  // namespace postern
