#pragma once
// On-fabric detection: the places in which an endpoint counts as on-fabric, told by what it finds there. Pure: sets of
// detection rules, judged over an endpoint's facts like a tag's rules.
//
// Rules of different types in one set must all hold, of one type any; one set that holds is enough. What is unknown makes
// the answer unknown where it decides. Of an endpoint whose system is unknown, or one that has no rules, nobody knows.
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "posture/explain.h"
#include "posture/rule.h"

namespace postern::posture {

struct DetectionRule {
  std::string type;  ///< "dhcp-server"; see detection_types().
  Parameters parameters;
  friend bool operator==(const DetectionRule&, const DetectionRule&) = default;
};

struct DetectionSet {
  std::string name;  ///< "Office"; once per list.
  std::vector<DetectionRule> rules;
  friend bool operator==(const DetectionSet&, const DetectionSet&) = default;
};

using DetectionSets = std::vector<DetectionSet>;

inline constexpr std::size_t kMaxDetectionSets = 32;
inline constexpr std::size_t kMaxDetectionRules = 32;  ///< Of one set.
inline constexpr std::size_t kMaxDetectionSetName = 63;

/// What can be asked; a detection rule's schema is that of a tag's rule.
std::span<const RuleType* const> detection_types();
const RuleType* find_detection_type(std::string_view name);  ///< Null: no such type.

struct DetectionRuleExplanation {
  std::string type;
  Verdict verdict = Verdict::kUnknown;
  std::string condition;  ///< In words.
  std::string reason;     ///< Stable code.
  std::string text;       ///< The reason for a person.
  std::vector<FactReading> facts;
};
struct DetectionSetExplanation {
  std::string name;
  Verdict verdict = Verdict::kUnknown;
  std::vector<DetectionRuleExplanation> rules;  ///< As the set lists them.
};

/// Immutable. Thread: any.
class OnFabricDetection {
 public:
  /// Without sets: unknown everywhere ("no_detection_sets").
  OnFabricDetection() = default;

  /// Checks everything and prepares it. Error: kInvalidArgument that names set, rule, parameter, value and what is allowed.
  static Result<OnFabricDetection> compile(DetectionSets sets);

  const DetectionSets& sets() const { return sets_; }
  /// Match: on-fabric. Never timed: only facts change it.
  Judgement judge(const FactView& facts) const;
  std::vector<DetectionSetExplanation> explain(const FactView& facts) const;

  const std::vector<std::string>& keys() const { return keys_; }  ///< Facts that it reads, distinct and ascending.
  /// Those that agents must report for it: without the EMS's own and the system, which they report always.
  const std::vector<std::string>& required_facts() const { return required_facts_; }

 private:
  struct CompiledSet {
    std::vector<std::unique_ptr<const Condition>> conditions;  ///< As the set lists its rules.
    std::vector<std::vector<std::size_t>> groups;              ///< Of rules of one type, by their place.
  };
  static Judgement judge_set(const CompiledSet& set, const FactView& facts);

  DetectionSets sets_;
  std::vector<CompiledSet> compiled_;
  std::vector<std::string> keys_;
  std::vector<std::string> required_facts_;
};

}  // namespace postern::posture
