#include "base/versions/semver.h"

#include <array>

#include "base/versions/chars.h"

namespace postern::versions {
namespace {

struct SemverParts {
  std::array<std::string_view, 3> numbers;
  std::string_view prerelease;
};

SemverParts split_semver(std::string_view text) {
  SemverParts parts;
  if (!text.empty() && (text.front() == 'v' || text.front() == 'V')) text.remove_prefix(1);
  text = text.substr(0, text.find('+'));
  std::size_t at = 0;
  for (std::size_t i = 0; i < parts.numbers.size(); ++i) {
    if (i > 0) {
      if (at + 1 >= text.size() || text[at] != '.' || !is_digit(text[at + 1])) break;
      ++at;
    }
    parts.numbers[i] = take_run(text, at, is_digit);
  }
  text.remove_prefix(at);
  if (text.empty() || text.front() == '.') return parts;
  if (text.front() == '-') text.remove_prefix(1);
  parts.prerelease = text;
  return parts;
}

/// Dot-separated identifiers: numbers as numbers and before all others, those as text; the shorter list first.
std::weak_ordering compare_identifiers(std::string_view a, std::string_view b) {
  for (;;) {
    const auto x = a.substr(0, a.find('.'));
    const auto y = b.substr(0, b.find('.'));
    const bool number_x = !x.empty() && all_digits(x);
    const bool number_y = !y.empty() && all_digits(y);
    if (number_x != number_y) return number_y <=> number_x;
    if (const auto c = number_x ? compare_numbers(x, y) : x <=> y; c != 0) return c;
    const bool more_x = x.size() < a.size();
    const bool more_y = y.size() < b.size();
    if (!more_x || !more_y) return more_x <=> more_y;
    a.remove_prefix(x.size() + 1);
    b.remove_prefix(y.size() + 1);
  }
}

}  // namespace

std::weak_ordering compare_semver(std::string_view a, std::string_view b) {
  const auto x = split_semver(a);
  const auto y = split_semver(b);
  for (std::size_t i = 0; i < x.numbers.size(); ++i) {
    if (const auto c = compare_numbers(x.numbers[i], y.numbers[i]); c != 0) return c;
  }
  if (x.prerelease.empty() != y.prerelease.empty()) return x.prerelease.empty() <=> y.prerelease.empty();
  return compare_identifiers(x.prerelease, y.prerelease);
}

}  // namespace postern::versions
