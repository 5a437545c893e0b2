#include "posture/rules/version_number.h"

#include "base/text.h"

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

}  // namespace postern::posture::rules
