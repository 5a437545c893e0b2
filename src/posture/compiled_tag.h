#pragma once
// A tag ready to be evaluated: everything parsed and checked once, when it was saved.
#include <array>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "posture/explain.h"
#include "posture/logic.h"
#include "posture/rule.h"
#include "posture/tag.h"

namespace postern::posture {

struct CompiledRule {
  std::uint32_t id = 0;
  bool negate = false;
  const RuleType* type = nullptr;  ///< In the registry.
  std::unique_ptr<const Condition> condition;

  Judgement judge(const FactView& facts) const;  ///< With `negate`; NOT of unknown is unknown.
};

/// Immutable. Thread: any.
class CompiledTag {
 public:
  const TagDefinition& definition() const { return definition_; }

  /// Of the endpoint whose facts these are. Disabled or without rules for the endpoint's OS:
  /// absent. The OS unknown: unknown if the tag has any rule.
  TagState evaluate(const FactView& facts) const;
  TagExplanation explain(const FactMap& facts, Now now) const;

  /// The facts that evaluate() may read, distinct and ascending. Empty for a disabled tag.
  const std::vector<std::string>& keys() const { return keys_; }
  /// What agents of `os` must look at for it, distinct and ascending. Empty for a disabled tag.
  const std::vector<Probe>& probes(OsFamily os) const;

 private:
  friend Result<CompiledTag> compile_tag(TagDefinition definition);
  friend CompiledTag compile_all_registered_clients();
  struct Part {
    std::vector<CompiledRule> rules;  ///< As the definition lists them.
    Logic logic;
    std::vector<std::uint16_t> order;  ///< logic.rules()[i] is rules[order[i]].
    std::vector<Probe> probes;
  };
  TagState by_rules(const FactView& facts) const;
  void explain_rules(const Part& part, const FactMap& facts, Now now, TagExplanation& out) const;

  TagDefinition definition_;
  std::array<Part, kOsFamilies> parts_;
  std::unique_ptr<const Condition> built_in_;  ///< Judges instead of rules, on every OS.
  std::vector<std::string> keys_;
};

/// Checks all of a definition and prepares it. Error: kInvalidArgument that names the rule ("rule 3
/// (ip-range): …"), the field, the value and what is allowed. The built-in tag's name is refused.
Result<CompiledTag> compile_tag(TagDefinition definition);
CompiledTag compile_all_registered_clients();

}  // namespace postern::posture
