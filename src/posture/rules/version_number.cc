#include "posture/rules/version_number.h"

#include <algorithm>

#include "base/text.h"
#include "posture/text_match.h"

namespace postern::posture::rules {
namespace {

constexpr std::size_t kMaxParts = 8;
constexpr std::size_t kMaxDigits = 9;

std::optional<std::uint32_t> number(std::string_view text) {
  if (text.empty() || text.size() > kMaxDigits) return std::nullopt;
  std::uint32_t value = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + static_cast<std::uint32_t>(c - '0');
  }
  return value;
}

}  // namespace

std::optional<VersionNumber> VersionNumber::parse(std::string_view text) {
  VersionNumber version;
  for (const std::string_view part : split(text, '.')) {
    const auto value = number(part);
    if (!value || version.parts_.size() == kMaxParts) return std::nullopt;
    version.parts_.push_back(*value);
  }
  return version;
}

std::optional<std::strong_ordering> VersionNumber::compare_to(std::string_view actual) const {
  if (actual.empty()) return std::nullopt;
  bool ended = false;
  for (const std::uint32_t wanted : parts_) {
    std::uint32_t value = 0;
    if (!ended) {
      const std::size_t dot = actual.find('.');
      const auto parsed = number(actual.substr(0, dot));
      if (!parsed) return std::nullopt;
      value = *parsed;
      ended = dot == actual.npos;
      if (!ended) actual.remove_prefix(dot + 1);
    }
    if (value != wanted) return value <=> wanted;
  }
  return std::strong_ordering::equal;
}

std::optional<std::strong_ordering> VersionNumber::compare_to_release(std::string_view actual) const {
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  const auto digits = [&] {
    const auto end = std::find_if_not(actual.begin(), actual.end(), is_digit);
    return static_cast<std::size_t>(end - actual.begin());
  };
  constexpr std::string_view kSeparators = ".-_+~:";
  if (actual.empty() || !is_digit(actual.front())) return std::nullopt;
  for (const std::uint32_t wanted : parts_) {
    std::uint32_t value = 0;
    if (const std::size_t count = digits(); count > 0) {
      const auto parsed = number(actual.substr(0, count));
      if (!parsed) return std::nullopt;
      value = *parsed;
      actual.remove_prefix(count);
      const bool more =
          actual.size() > 1 && kSeparators.find(actual.front()) != kSeparators.npos && is_digit(actual[1]);
      if (more) actual.remove_prefix(1);
    }
    if (value != wanted) return value <=> wanted;
  }
  // What comes before a release comes before it with zeros behind too: Linux calls 6.12-rc3 "6.12.0-rc3".
  for (;;) {
    const std::size_t count = digits();
    if (actual.substr(0, count).find_first_not_of('0') != actual.npos) return std::strong_ordering::equal;
    actual.remove_prefix(count);
    if (actual.empty() || kSeparators.find(actual.front()) == kSeparators.npos) break;
    actual.remove_prefix(1);
  }
  for (const std::string_view before : {"rc", "alpha", "beta", "pre", "dev"}) {
    if (equals_ignoring_case(actual.substr(0, before.size()), before)) return std::strong_ordering::less;
  }
  return std::strong_ordering::equal;
}

}  // namespace postern::posture::rules
