#include "base/versions/rpm.h"

#include "base/versions/chars.h"

namespace postern::versions {
namespace {

struct RpmParts {
  std::string_view epoch;
  std::string_view version;
  std::string_view release;
  bool has_release = false;
};

RpmParts split_rpm(std::string_view text) {
  RpmParts parts;
  const auto colon = text.find(':');
  if (colon != std::string_view::npos && all_digits(text.substr(0, colon))) {
    parts.epoch = text.substr(0, colon);
    text.remove_prefix(colon + 1);
  }
  const auto hyphen = text.rfind('-');
  if (hyphen != std::string_view::npos) {
    parts.release = text.substr(hyphen + 1);
    parts.has_release = true;
    text = text.substr(0, hyphen);
  }
  parts.version = text;
  return parts;
}

/// Pieces of a version in the order in which they sort where two versions differ first.
enum class RpmPiece { kTilde, kEnd, kCaret, kLetters, kNumber };

struct RpmToken {
  RpmPiece piece = RpmPiece::kEnd;
  std::string_view text;
};

RpmToken next_rpm_token(std::string_view text, std::size_t& at) {
  const auto counts = [](char c) { return is_alnum(c) || c == '~' || c == '^'; };
  while (at < text.size() && !counts(text[at])) ++at;
  if (at == text.size()) return {};
  if (text[at] == '~') return {RpmPiece::kTilde, text.substr(at++, 1)};
  if (text[at] == '^') return {RpmPiece::kCaret, text.substr(at++, 1)};
  if (is_digit(text[at])) return {RpmPiece::kNumber, take_run(text, at, is_digit)};
  return {RpmPiece::kLetters, take_run(text, at, is_letter)};
}

std::weak_ordering compare_rpm_part(std::string_view a, std::string_view b) {
  std::size_t i = 0;
  std::size_t j = 0;
  for (;;) {
    const auto x = next_rpm_token(a, i);
    const auto y = next_rpm_token(b, j);
    if (x.piece != y.piece) return x.piece <=> y.piece;
    if (x.piece == RpmPiece::kEnd) return std::weak_ordering::equivalent;
    const auto c = x.piece == RpmPiece::kNumber ? compare_numbers(x.text, y.text) : x.text <=> y.text;
    if (c != 0) return c;
  }
}

}  // namespace

std::weak_ordering compare_rpm(std::string_view a, std::string_view b) {
  const auto x = split_rpm(a);
  const auto y = split_rpm(b);
  if (const auto c = compare_numbers(x.epoch, y.epoch); c != 0) return c;
  if (const auto c = compare_rpm_part(x.version, y.version); c != 0) return c;
  if (x.has_release != y.has_release) return x.has_release <=> y.has_release;
  return compare_rpm_part(x.release, y.release);
}

}  // namespace postern::versions
