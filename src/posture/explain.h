#pragma once
// Why an endpoint has a tag or not: every rule, what it read, how old that is, what it concluded.
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "posture/fact.h"
#include "posture/rule.h"
#include "posture/tag.h"
#include "posture/tag_sets.h"
#include "posture/verdict.h"

namespace postern::posture {

/// A fact as a rule found it.
struct FactReading {
  std::string key;
  std::optional<Fact> fact;   ///< None: never reported.
  std::string text;           ///< The value, or why there is none, for a person.
  std::optional<Millis> age;    ///< Since it was collected, not below 0; none if never reported.
  std::optional<WallTime> as_of;  ///< Until when it is known to have held (FactView::age); none if never reported.
};

struct RuleExplanation {
  std::uint32_t id = 0;
  std::string type;
  bool negate = false;
  Verdict verdict = Verdict::kUnknown;  ///< With `negate`: what logic was given.
  std::string condition;                ///< In words, with `negate`: "not: sshd is running".
  std::string
      reason;  ///< Stable code: "process_not_running", "not_reported". Of the condition itself.
  std::string text;  ///< The reason for a person.
  std::vector<FactReading> facts;
  std::optional<Seconds> max_age;  ///< The rule's own.
  std::optional<WallTime> until;   ///< Then the verdict becomes another although nothing is reported; none: never.
};

struct TagExplanation {
  TagId id = 0;
  TagName name;
  TagState state = TagState::kAbsent;
  std::string
      reason;  ///< "logic", "disabled", "no_rules", "no_rules_for_os", "os_unknown", "os_unsupported" (no rule can
              ///< be written for what it reports), "silent" (the tag timeout has passed), "built_in", "by_hand",
              ///< "not_in_force" (a stored tag that can't be judged: TagEngine::load);
              ///< "held" when the rules say no and `loss_delay` keeps it.
  std::string text;            ///< The reason for a person.
  std::optional<OsFamily> os;  ///< Of the endpoint; none: unknown, or one that no rule can be written for.
  FactReading os_fact;         ///< Key empty for the built-in tag, which doesn't ask.
  std::string logic;  ///< The expression that holds for this OS: "1 and 2". Empty without rules.
  std::vector<RuleExplanation> rules;  ///< Of the endpoint's OS, as the tag lists them.
  std::optional<WallTime> until;  ///< Then the state becomes another although nothing is reported; none: never.
};

/// A value for a person: "true", "12", "ens3 up 10.0.1.2", "critical=1, high=0, …", "unknown
/// (denied)".
std::string fact_value_text(const FactValue& value);
/// The same of a fact whose key tells what its number means: a time for keys that end in "_at",
/// "8.8" for a CVSS score, "0.9434" for an EPSS probability.
std::string fact_value_text(std::string_view key, const FactValue& value);
/// Reads one fact for an explanation.
FactReading read_fact(const FactView& facts, std::string_view key);

}  // namespace postern::posture
