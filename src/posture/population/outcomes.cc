#include "posture/population/outcomes.h"

#include <algorithm>
#include <array>
#include <vector>

#include "posture/population/program.h"

namespace postern::posture {
namespace {

constexpr std::array kVerdicts{Verdict::kNoMatch, Verdict::kUnknown, Verdict::kMatch};

std::size_t as_index(Verdict verdict) { return static_cast<std::size_t>(verdict); }

}  // namespace

Outcomes outcomes_of(std::span<const LogicStep> steps, std::uint32_t operand, std::span<const GivenVerdict> given) {
  std::vector<GivenVerdict> all{{operand, Verdict::kNoMatch}};
  all.insert(all.end(), given.begin(), given.end());
  const std::size_t first = all.size();
  for (const LogicStep& step : steps) {
    if (step.op >= LogicStep::Op::kPutAside || std::ranges::find(all, step.operand, &GivenVerdict::operand) != all.end())
      continue;
    if (all.size() - first == kMostOtherOperands) return {};
    all.push_back({step.operand, Verdict::kNoMatch});
  }
  // By the operand before, the tag before and the operand after: which verdicts the tag may have then, a bit each.
  std::array<std::array<std::array<unsigned, 3>, 3>, 3> possible{};
  for (bool more = true; more;) {
    std::array<Verdict, 3> tag{};
    for (const Verdict verdict : kVerdicts) {
      all[0].verdict = verdict;
      tag[as_index(verdict)] = run_steps(
          steps, [&](std::uint32_t id) { return std::ranges::find(all, id, &GivenVerdict::operand)->verdict; });
    }
    for (const Verdict before : kVerdicts) {
      auto& then = possible[as_index(before)][as_index(tag[as_index(before)])];
      for (const Verdict after : kVerdicts) then[as_index(after)] |= 1u << as_index(tag[as_index(after)]);
    }
    // The next way in which the others may stand.
    more = false;
    for (std::size_t i = first; i < all.size() && !more; ++i) {
      more = all[i].verdict != Verdict::kMatch;
      all[i].verdict = more ? static_cast<Verdict>(as_index(all[i].verdict) + 1) : Verdict::kNoMatch;
    }
  }
  Outcomes out;
  for (const Verdict before : kVerdicts) {
    for (const Verdict after : kVerdicts) {
      if (before == after) continue;
      std::uint8_t bits = Outcome::kKnown;
      bool told = true;
      for (const Verdict tag : kVerdicts) {
        const unsigned may = possible[as_index(before)][as_index(tag)][as_index(after)];
        // What can't be is unknown.
        const Verdict then = may == 1u ? Verdict::kNoMatch : may == 4u ? Verdict::kMatch : Verdict::kUnknown;
        told = told && (may & (may - 1)) == 0;
        bits = static_cast<std::uint8_t>(bits | as_index(then) << 2 * as_index(tag));
      }
      if (told) out.set(before, after, Outcome(bits));
    }
  }
  return out;
}

}  // namespace postern::posture
