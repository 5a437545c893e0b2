#pragma once
// A tag's rules of all systems and their logic as one list of steps over conditions.
#include <array>
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
/// A condition's `identity` says that the endpoint's system is a certain one, or none of them. At most one of these
/// matches.
bool is_about_system(std::string_view identity);
/// The first of them says that it is the one that a rule, the second, is for.
bool is_system_of_rule(std::string_view system, std::string_view rule);

namespace steps {
/// By operation, then by the verdicts in hand and of the operand, four of the latter to each of the former: what is in
/// hand then. A table, as which steps a tag takes is nothing that a processor could foresee.
using Table = std::array<std::array<Verdict, 12>, 6>;
constexpr Table make_table() {
  Table out{};
  for (std::size_t op = 0; op < out.size(); ++op) {
    for (std::size_t i = 0; i < out[op].size(); ++i) {
      const auto hand = static_cast<Verdict>(i / 4);
      const auto plain = static_cast<Verdict>(i % 4 < 3 ? i % 4 : 0);
      const Verdict operand = op % 2 == 0 ? plain : verdict_not(plain);
      out[op][i] = op / 2 == 0 ? operand : op / 2 == 1 ? verdict_and(hand, operand) : verdict_or(hand, operand);
    }
  }
  return out;
}
inline constexpr Table kTable = make_table();
}  // namespace steps

/// What they say of one endpoint. `verdict_of(operand)` is a condition's verdict.
template <class VerdictOf>
Verdict run_steps(std::span<const LogicStep> steps, VerdictOf&& verdict_of) {
  using Op = LogicStep::Op;
  Verdict hand = Verdict::kNoMatch, aside[kMostAside];
  std::size_t top = 0;
  for (const LogicStep& step : steps) {
    if (step.op < Op::kPutAside) {
      const std::size_t at = static_cast<std::size_t>(hand) * 4 + static_cast<std::size_t>(verdict_of(step.operand));
      hand = steps::kTable[static_cast<std::size_t>(step.op)][at];
    } else if (step.op == Op::kPutAside) {
      aside[top++] = hand;
    } else {
      --top;
      hand = step.op == Op::kAndAside ? verdict_and(hand, aside[top]) : verdict_or(hand, aside[top]);
    }
  }
  return hand;
}

}  // namespace postern::posture
