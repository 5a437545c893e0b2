#pragma once
// What a tag becomes where one of its conditions changes and nothing else does, as far as this follows from what the
// tag was: of "a and b", whatever b is, when a no longer matches. Then nobody needs to know what the tag's other
// conditions say, whose facts stand somewhere else in memory each.
#include <cstddef>
#include <cstdint>
#include <span>

#include "posture/population/kernels.h"
#include "posture/verdict.h"

namespace postern::posture {

/// For one change of a condition.
class Outcome {
 public:
  /// Not told by what the tag was.
  constexpr Outcome() = default;
  constexpr explicit Outcome(std::uint8_t bits) : bits_(bits) {}
  /// Whether after() tells it.
  constexpr bool known() const { return (bits_ & kKnown) != 0; }
  constexpr Verdict after(Verdict tag) const {
    return static_cast<Verdict>(bits_ >> 2 * static_cast<unsigned>(tag) & 3u);
  }
  constexpr std::uint8_t bits() const { return bits_; }

  static constexpr std::uint8_t kKnown = 1 << 6;

 private:
  std::uint8_t bits_ = 0;  ///< Two for each verdict of the tag, and kKnown.
};

/// For all changes of a condition.
class Outcomes {
 public:
  Outcome of(Verdict before, Verdict after) const {
    return Outcome(static_cast<std::uint8_t>(bits_ >> shift(before, after) & 0x7F));
  }
  void set(Verdict before, Verdict after, Outcome outcome) {
    bits_ |= std::uint64_t{outcome.bits()} << shift(before, after);
  }
  bool any() const { return bits_ != 0; }

 private:
  static constexpr unsigned shift(Verdict before, Verdict after) {
    return 7 * (3 * static_cast<unsigned>(before) + static_cast<unsigned>(after));
  }
  std::uint64_t bits_ = 0;
};

struct GivenVerdict {
  std::uint32_t operand = 0;
  Verdict verdict = Verdict::kNoMatch;
};

constexpr std::size_t kMostOtherOperands = 5;  ///< 243 ways in which these may stand.

/// Of a tag with these steps, where `operand` changes and each of `given` is what it is said to be. Steps with more than
/// kMostOtherOperands others tell nothing.
Outcomes outcomes_of(std::span<const LogicStep> steps, std::uint32_t operand, std::span<const GivenVerdict> given);

}  // namespace postern::posture
