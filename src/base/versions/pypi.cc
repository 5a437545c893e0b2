#include "base/versions/pypi.h"

#include <algorithm>
#include <utility>

#include "base/versions/chars.h"

namespace postern::versions {
namespace {

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool is_separator(char c) { return c == '.' || c == '-' || c == '_'; }

std::strong_ordering compare_lower(std::string_view a, std::string_view b) {
  return std::lexicographical_compare_three_way(a.begin(), a.end(), b.begin(), b.end(),
                                                [](char x, char y) { return lower(x) <=> lower(y); });
}

/// Where a version without some part stands among those with it: a development release before all prereleases, a
/// final release behind them.
enum class PypiRank { kBelow, kHas, kAbove };

struct PypiParts {
  std::string_view epoch;
  std::string_view release;  // Digits and dots.
  PypiRank pre = PypiRank::kAbove;
  int pre_kind = 0;  // 0 a, 1 b, 2 rc
  std::string_view pre_number;
  PypiRank post = PypiRank::kBelow;
  std::string_view post_number;
  PypiRank dev = PypiRank::kAbove;
  std::string_view dev_number;
  std::string_view local;
  bool valid = false;
};

/// A separator or none, the longest of `words` that comes then, and maybe another separator and a number. The word's
/// place, or -1 with `at` where it was.
template <std::size_t N>
int take_word(std::string_view text, std::size_t& at, const std::string_view (&words)[N], std::string_view& number) {
  const auto begin = at < text.size() && is_separator(text[at]) ? at + 1 : at;
  int found = -1;
  for (std::size_t n = 0; n < N; ++n) {
    const bool longer = found < 0 || words[n].size() > words[static_cast<std::size_t>(found)].size();
    if (longer && compare_lower(text.substr(begin, words[n].size()), words[n]) == 0) found = static_cast<int>(n);
  }
  if (found < 0) return found;
  at = begin + words[static_cast<std::size_t>(found)].size();
  if (at < text.size() && is_separator(text[at])) ++at;
  number = take_run(text, at, is_digit);
  return found;
}

constexpr std::string_view kPreWords[] = {"a", "alpha", "b", "beta", "c", "rc", "pre", "preview"};
constexpr std::string_view kPostWords[] = {"post", "rev", "r"};
constexpr std::string_view kDevWords[] = {"dev"};

bool valid_local(std::string_view text) {
  bool separated = true;  // A separator, or the beginning, is what stands before.
  for (const char c : text) {
    if (is_separator(c) ? separated : !is_alnum(c)) return false;
    separated = is_separator(c);
  }
  return !separated;
}

PypiParts split_pypi(std::string_view text) {
  PypiParts parts;
  std::size_t at = !text.empty() && lower(text.front()) == 'v' ? 1 : 0;
  auto digits = take_run(text, at, is_digit);
  if (digits.empty()) return parts;
  if (at < text.size() && text[at] == '!') {
    parts.epoch = digits;
    digits = take_run(text, ++at, is_digit);
    if (digits.empty()) return parts;
  }
  const auto release = at - digits.size();
  while (at + 1 < text.size() && text[at] == '.' && is_digit(text[at + 1])) take_run(text, ++at, is_digit);
  parts.release = text.substr(release, at - release);
  if (const int word = take_word(text, at, kPreWords, parts.pre_number); word >= 0) {
    parts.pre = PypiRank::kHas;
    parts.pre_kind = std::min(word / 2, 2);
  }
  if (at + 1 < text.size() && text[at] == '-' && is_digit(text[at + 1])) {
    parts.post = PypiRank::kHas;
    parts.post_number = take_run(text, ++at, is_digit);
  } else if (take_word(text, at, kPostWords, parts.post_number) >= 0) {
    parts.post = PypiRank::kHas;
  }
  if (take_word(text, at, kDevWords, parts.dev_number) >= 0) {
    parts.dev = PypiRank::kHas;
    if (parts.pre != PypiRank::kHas && parts.post != PypiRank::kHas) parts.pre = PypiRank::kBelow;
  }
  if (at < text.size() && text[at] == '+') {
    parts.local = text.substr(at + 1);
    parts.valid = valid_local(parts.local);
  } else {
    parts.valid = at == text.size();
  }
  return parts;
}

/// Numbers between dots; zeros at the end do not count.
std::strong_ordering compare_releases(std::string_view a, std::string_view b) {
  std::size_t i = 0;
  std::size_t j = 0;
  while (i < a.size() || j < b.size()) {
    const auto x = take_run(a, i, is_digit);
    const auto y = take_run(b, j, is_digit);
    if (const auto c = compare_numbers(x, y); c != 0) return c;
    if (i < a.size()) ++i;
    if (j < b.size()) ++j;
  }
  return std::strong_ordering::equal;
}

/// Runs as `next` takes them: text before numbers, the shorter list first.
template <class Next>
std::strong_ordering compare_runs(std::string_view a, std::string_view b, Next next) {
  std::size_t i = 0;
  std::size_t j = 0;
  for (;;) {
    const auto x = next(a, i);
    const auto y = next(b, j);
    if (x.empty() || y.empty()) return !x.empty() <=> !y.empty();
    const bool number_x = all_digits(x);
    const bool number_y = all_digits(y);
    if (number_x != number_y) return number_x <=> number_y;
    if (const auto c = number_x ? compare_numbers(x, y) : compare_lower(x, y); c != 0) return c;
  }
}

std::string_view next_local(std::string_view text, std::size_t& at) {
  while (at < text.size() && is_separator(text[at])) ++at;
  return take_run(text, at, is_alnum);
}

std::string_view next_piece(std::string_view text, std::size_t& at) {
  while (at < text.size() && !is_alnum(text[at])) ++at;
  return at < text.size() && is_digit(text[at]) ? take_run(text, at, is_digit) : take_run(text, at, is_letter);
}

}  // namespace

std::weak_ordering compare_pypi(std::string_view a, std::string_view b) {
  const auto x = split_pypi(a);
  const auto y = split_pypi(b);
  if (x.valid != y.valid) return x.valid <=> y.valid;
  if (!x.valid) return compare_runs(a, b, next_piece);
  if (const auto c = compare_numbers(x.epoch, y.epoch); c != 0) return c;
  if (const auto c = compare_releases(x.release, y.release); c != 0) return c;
  if (const auto c = std::pair(x.pre, x.pre_kind) <=> std::pair(y.pre, y.pre_kind); c != 0) return c;
  if (const auto c = compare_numbers(x.pre_number, y.pre_number); c != 0) return c;
  if (const auto c = x.post <=> y.post; c != 0) return c;
  if (const auto c = compare_numbers(x.post_number, y.post_number); c != 0) return c;
  if (const auto c = x.dev <=> y.dev; c != 0) return c;
  if (const auto c = compare_numbers(x.dev_number, y.dev_number); c != 0) return c;
  return compare_runs(x.local, y.local, next_local);
}

}  // namespace postern::versions
