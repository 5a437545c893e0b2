#pragma once
// Expressions over rule numbers: "(1 and 2) or not 3". Words in any case; not binds tighter than
// and, and tighter than or.
#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "posture/verdict.h"

namespace postern::posture {

inline constexpr std::size_t kMaxLogicBytes = 2048;
inline constexpr std::size_t kMaxLogicDepth = 32;  ///< Parentheses and nots within one another.

/// Immutable once made. Thread: any.
class Logic {
 public:
  /// Error: kInvalidArgument with what is wrong at which character (from 1).
  static Result<Logic> parse(std::string_view text);
  /// All of them: what holds where no expression is given. An empty list is no_match: a tag without
  /// rules grants nothing.
  static Logic all(const std::vector<std::uint32_t>& rules);

  /// The rule numbers in it, each once, ascending.
  const std::vector<std::uint32_t>& rules() const { return rules_; }

  enum class Op : std::uint8_t { kRule, kNot, kAnd, kOr };
  struct Step {
    Op op;
    std::uint16_t index = 0;  ///< Of kRule: into rules().
  };
  /// Postfix; empty: no_match. Never needs more than kMaxStack places.
  const std::vector<Step>& steps() const { return steps_; }
  // A level of parentheses holds at most an unfinished `or`, an unfinished `and` and the operand
  // being read.
  static constexpr std::size_t kMaxStack = 2 * (kMaxLogicDepth + 1) + 1;

  /// `verdict_of(index)` is the verdict of rules()[index].
  template <class VerdictOf>
  Verdict evaluate(VerdictOf&& verdict_of) const {
    if (steps_.empty()) return Verdict::kNoMatch;
    std::array<Verdict, kMaxStack> stack;
    std::size_t top = 0;
    for (const Step& step : steps_) {
      switch (step.op) {
        case Op::kRule:
          stack[top++] = verdict_of(step.index);
          break;
        case Op::kNot:
          stack[top - 1] = verdict_not(stack[top - 1]);
          break;
        case Op::kAnd:
          --top;
          stack[top - 1] = verdict_and(stack[top - 1], stack[top]);
          break;
        case Op::kOr:
          --top;
          stack[top - 1] = verdict_or(stack[top - 1], stack[top]);
          break;
      }
    }
    return stack[0];
  }

 private:
  friend class LogicParser;
  std::vector<Step> steps_;
  std::vector<std::uint32_t> rules_;
};

}  // namespace postern::posture
