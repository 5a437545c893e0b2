#pragma once
// What the orders of this folder share: bytes, runs of digits, and numbers of any length.
#include <algorithm>
#include <compare>
#include <cstddef>
#include <string_view>

namespace postern::versions {

inline bool is_digit(char c) { return c >= '0' && c <= '9'; }
inline bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
inline bool is_alnum(char c) { return is_digit(c) || is_letter(c); }
inline bool all_digits(std::string_view text) { return std::all_of(text.begin(), text.end(), is_digit); }

/// The run of bytes from `at` on for which `is` holds; `at` moves behind it.
template <class Is>
std::string_view take_run(std::string_view text, std::size_t& at, Is is) {
  const auto begin = at;
  while (at < text.size() && is(text[at])) ++at;
  return text.substr(begin, at - begin);
}

/// Runs of digits as numbers, however long; an empty one is zero.
inline std::strong_ordering compare_numbers(std::string_view a, std::string_view b) {
  a.remove_prefix(std::min(a.find_first_not_of('0'), a.size()));
  b.remove_prefix(std::min(b.find_first_not_of('0'), b.size()));
  if (const auto by_length = a.size() <=> b.size(); by_length != 0) return by_length;
  return a.compare(b) <=> 0;
}

}  // namespace postern::versions
