#pragma once
// A tag's rules of all systems and their logic as one list of steps over conditions.
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "posture/compiled_tag.h"
#include "posture/population/kernels.h"

namespace postern::posture {

/// Numbers a condition; the same for the same `identity` (of the rule, or of a part of it).
class ConditionNumbers {
 public:
  virtual ~ConditionNumbers() = default;
  /// `condition` lives as long as the tag. `max_age` is the rule's.
  virtual std::uint32_t number(std::string identity, const Condition& condition, std::optional<Seconds> max_age) = 0;
};

/// Steps whose operands are what `numbers` gave; empty: the tag is absent everywhere. For every endpoint the verdict is
/// that of CompiledTag::evaluate.
std::vector<LogicStep> compile_steps(const CompiledTag& tag, ConditionNumbers& numbers);

/// What they say of one endpoint. `verdict_of(operand)` is a condition's verdict.
template <class VerdictOf>
Verdict run_steps(std::span<const LogicStep> steps, VerdictOf&& verdict_of) {
  using Op = LogicStep::Op;
  Verdict hand = Verdict::kNoMatch, aside[kMostAside];
  std::size_t top = 0;
  for (const LogicStep& step : steps) {
    switch (step.op) {
      case Op::kTake:
        hand = verdict_of(step.operand);
        break;
      case Op::kTakeNot:
        hand = verdict_not(verdict_of(step.operand));
        break;
      case Op::kAnd:
        hand = verdict_and(hand, verdict_of(step.operand));
        break;
      case Op::kAndNot:
        hand = verdict_and(hand, verdict_not(verdict_of(step.operand)));
        break;
      case Op::kOr:
        hand = verdict_or(hand, verdict_of(step.operand));
        break;
      case Op::kOrNot:
        hand = verdict_or(hand, verdict_not(verdict_of(step.operand)));
        break;
      case Op::kPutAside:
        aside[top++] = hand;
        break;
      case Op::kAndAside:
        hand = verdict_and(hand, aside[--top]);
        break;
      case Op::kOrAside:
        hand = verdict_or(hand, aside[--top]);
        break;
    }
  }
  return hand;
}

}  // namespace postern::posture
