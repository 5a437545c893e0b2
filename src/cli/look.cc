#include "cli/look.h"

#include <array>
#include <utility>

#include "base/text.h"
#include "base/utf8.h"

namespace postern::cli {
namespace {

bool within(char32_t point, const std::pair<char32_t, char32_t>& range) {
  return range.first <= point && point <= range.second;
}

std::size_t columns_of_character(char32_t point) {
  constexpr std::array<std::pair<char32_t, char32_t>, 5> kNone{
      {{0x300, 0x36F}, {0x200B, 0x200F}, {0x20D0, 0x20FF}, {0xFE00, 0xFE0F}, {0xFE20, 0xFE2F}}};
  constexpr std::array<std::pair<char32_t, char32_t>, 10> kTwo{{{0x1100, 0x115F},
                                                                {0x2E80, 0xA4CF},
                                                                {0xAC00, 0xD7A3},
                                                                {0xF900, 0xFAFF},
                                                                {0xFE30, 0xFE6F},
                                                                {0xFF00, 0xFF60},
                                                                {0xFFE0, 0xFFE6},
                                                                {0x1F300, 0x1F64F},
                                                                {0x1F900, 0x1F9FF},
                                                                {0x20000, 0x3FFFD}}};
  for (const auto& range : kNone) {
    if (within(point, range)) return 0;
  }
  for (const auto& range : kTwo) {
    if (within(point, range)) return 2;
  }
  return 1;
}

/// Length of the escape sequence that `text` begins with; 0: none.
std::size_t escape_length(std::string_view text) {
  if (!text.starts_with("\x1b[")) return 0;
  const std::size_t end = text.find('m');
  return end == text.npos ? text.size() : end + 1;
}

std::string_view code_of(Style style) {
  switch (style) {
    case Style::kPlain:
      return "";
    case Style::kStrong:
      return "1";
    case Style::kFaint:
      return "2";
    case Style::kGood:
      return "32";
    case Style::kBad:
      return "31";
    case Style::kWarning:
      return "33";
    case Style::kName:
      return "36";
  }
  return "";
}

}  // namespace

std::string Look::paint(Style style, std::string_view text) const {
  if (!colour || style == Style::kPlain || text.empty()) return std::string(text);
  return "\x1b[" + std::string(code_of(style)) + "m" + std::string(text) + "\x1b[0m";
}

std::string Look::mark(Truth truth) const {
  switch (truth) {
    case Truth::kYes:
      return paint(Style::kGood, utf8 ? "\u2713" : "+");
    case Truth::kNo:
      return paint(Style::kBad, utf8 ? "\u2717" : "-");
    case Truth::kUnknown:
      break;
  }
  return paint(Style::kWarning, "?");
}

std::size_t columns_of(std::string_view text) {
  std::size_t columns = 0;
  while (!text.empty()) {
    if (const std::size_t escape = escape_length(text); escape != 0) {
      text.remove_prefix(escape);
      continue;
    }
    const auto c = first_character(text);
    columns += c.length == 0 ? 1 : columns_of_character(c.point);
    text.remove_prefix(c.length == 0 ? 1 : c.length);
  }
  return columns;
}

std::string cut_off(std::string_view text, std::size_t columns) {
  std::size_t taken = 0, used = 0;
  while (taken < text.size()) {
    const auto c = first_character(text.substr(taken));
    const std::size_t wide = c.length == 0 ? 1 : columns_of_character(c.point);
    if (used + wide > columns) break;
    used += wide;
    taken += c.length == 0 ? 1 : c.length;
  }
  return std::string(text.substr(0, taken));
}

std::string shortened(const Look& look, std::string_view text, std::size_t columns) {
  if (columns_of(text) <= columns) return std::string(text);
  const std::string_view sign = look.utf8 ? "\u2026" : "...";
  const std::size_t wide = columns_of(sign);
  if (columns <= wide) return cut_off(text, columns);
  return cut_off(text, columns - wide) + std::string(sign);
}

std::string padded(std::string_view text, std::size_t columns, bool right) {
  const std::size_t have = columns_of(text);
  const std::string blanks(columns > have ? columns - have : 0, ' ');
  return right ? blanks + std::string(text) : std::string(text) + blanks;
}

std::vector<std::string> wrapped(std::string_view text, std::size_t columns) {
  std::vector<std::string> lines(1);
  for (const std::string_view word : split(text, ' ')) {
    std::string& line = lines.back();
    if (line.empty()) {
      line = word;
    } else if (columns == 0 || columns_of(line) + 1 + columns_of(word) <= columns) {
      line += ' ';
      line += word;
    } else {
      lines.emplace_back(word);
    }
  }
  return lines;
}

}  // namespace postern::cli
