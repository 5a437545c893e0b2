#pragma once
// What rule types share that compare by an operator.
#include <algorithm>
#include <array>
#include <compare>
#include <string_view>

#include "posture/rules/reading.h"

namespace postern::posture::rules {

enum class Comparison : std::uint8_t { kEqual, kNotEqual, kLess, kLessOrEqual, kGreater, kGreaterOrEqual };
inline constexpr std::array<std::string_view, 6> kComparisons{"=", "!=", "<", "<=", ">", ">="};

/// Nullopt: no operator.
inline std::optional<Comparison> parse_comparison(std::string_view text) {
  const auto at = std::find(kComparisons.begin(), kComparisons.end(), text);
  if (at == kComparisons.end()) return std::nullopt;
  return static_cast<Comparison>(at - kComparisons.begin());
}

/// Does what compares so satisfy the operator?
inline bool satisfies(Comparison comparison, std::weak_ordering order) {
  switch (comparison) {
    case Comparison::kEqual: return order == 0;
    case Comparison::kNotEqual: return order != 0;
    case Comparison::kLess: return order < 0;
    case Comparison::kLessOrEqual: return order <= 0;
    case Comparison::kGreater: return order > 0;
    case Comparison::kGreaterOrEqual: return order >= 0;
  }
  return false;
}

}  // namespace postern::posture::rules
