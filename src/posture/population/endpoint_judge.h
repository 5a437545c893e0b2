#pragma once
// Conditions that no column judges by value, for many endpoints at once: because time counts, because they read several
// facts, or because nearly every endpoint has another value.
#include <cstdint>
#include <span>
#include <vector>

#include "posture/population/population.h"

namespace postern::posture {

/// Endpoints whose facts have the same values, each as fresh or as stale, are judged once. Thread: one; the population's
/// facts stay as they are meanwhile.
class Population::EndpointJudge {
 public:
  /// `noting`: until when the verdicts hold is noted for each endpoint. A draft's need not be.
  EndpointJudge(Population& population, Now now, bool noting) : population_(population), now_(now), noting_(noting) {}
  /// Writes the planes of `conditions`, which are kept ones and distinct, for `slots`.
  void judge(std::span<const ConditionId> conditions, const SlotSet& slots);

 private:
  /// One of the facts that a condition reads.
  struct Part {
    const FactColumn* column = nullptr;
    KeyId key = 0;
    bool ages = false;                ///< It may be too old for the rule.
    std::vector<std::uint8_t> known;  ///< By code: whether that is a known fact; kNotYet.
    Rows::Hint place;
  };
  struct Plan {
    JudgedCondition* condition = nullptr;
    bool by_values = false;
    std::vector<Part> parts;
    /// By combination: a code of each part, or the number behind its last code, which stands for a stale fact.
    std::vector<std::uint8_t> verdicts;
    std::vector<WallTime> until;  ///< If time itself is read.
  };
  class Combination;

  static std::string_view entry_of(const Population& population, const Part& part, Code code);
  Plan plan(JudgedCondition& condition) const;
  void run(const SlotSet& slots);
  Verdict judge(Plan& plan, Slot slot, WallTime& until);
  std::size_t digit(const Plan& plan, Part& part, Slot slot, WallTime& until) const;
  bool judge_combination(Plan& plan, std::size_t at);

  Population& population_;
  const Now now_;
  const bool noting_;
  std::vector<Plan> plans_;
};

}  // namespace postern::posture
