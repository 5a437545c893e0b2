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
  std::optional<Seconds> max_age;
  std::unique_ptr<const Condition> condition;
  /// The same for rules whose conditions always judge alike (`negate` apart), whatever tag they stand in.
  std::string identity;

  Judgement judge(const FactView& facts) const;  ///< With `negate`; NOT of unknown is unknown.
};

/// Immutable. Thread: any.
class CompiledTag {
 public:
  const TagDefinition& definition() const { return definition_; }

  /// Of the endpoint whose facts these are. Disabled or without rules for the endpoint's OS:
  /// absent. The OS unknown, or one that no rule can be written for: unknown if the tag has any rule. Tags that it refers
  /// to are read through FactView::with_tags. What `facts` holds_until() is set by what was read.
  TagState evaluate(const FactView& facts) const;
  /// Without until when (`until` of it and of its rules): that is the engine's, which can judge other tags at other times.
  TagExplanation explain(const FactView& facts) const;

  /// The facts that evaluate() may read, distinct and ascending. Empty for a disabled tag.
  const std::vector<std::string>& keys() const { return keys_; }
  /// The facts that agents of `os` must report for it, distinct and ascending: without the EMS's own and other tags.
  /// Empty for a disabled tag.
  const std::vector<std::string>& required_facts(OsFamily os) const { return part(os).required_facts; }
  /// Names of the tags that it refers to, distinct and ascending. Empty for a disabled tag.
  const std::vector<std::string>& referred_tags() const { return referred_tags_; }

  /// The rules of one OS and how they are joined.
  struct Part {
    std::vector<CompiledRule> rules;  ///< As the definition lists them.
    Logic logic;
    std::vector<std::uint16_t> order;  ///< logic.rules()[i] is rules[order[i]].
    std::vector<std::string> required_facts;
  };
  const Part& part(OsFamily os) const { return parts_[static_cast<std::size_t>(os)]; }
  /// Judges instead of rules, on every OS; null: the rules do.
  const CompiledRule* sole_rule() const { return sole_.condition ? &sole_ : nullptr; }
  /// False: it is unknown for everybody, whatever its rules say; see compile_out_of_force.
  bool in_force() const { return in_force_; }

 private:
  friend Result<CompiledTag> compile_tag(TagDefinition definition);
  friend Result<CompiledTag> compile_out_of_force(TagDefinition definition);
  friend CompiledTag compile_all_registered_clients();
  TagState by_rules(const FactView& facts) const;
  void explain_rules(const Part& part, const FactView& facts, TagExplanation& out) const;

  TagDefinition definition_;
  std::array<Part, kOsFamilies> parts_;
  CompiledRule sole_;
  std::vector<std::string> keys_;
  std::vector<std::string> referred_tags_;
  bool in_force_ = true;
};

/// Checks all of a definition and prepares it. Error: kInvalidArgument that names the rule ("rule 3
/// (ip-range): …"), the field, the value and what is allowed. The built-in tag's name is refused.
Result<CompiledTag> compile_tag(TagDefinition definition);
/// Of a tag that is stored and whose rules can't be judged: it reads no rule, refers to no tag, and is unknown for everybody.
/// Errors: those of compile_tag. REQUIRES: it is enabled.
Result<CompiledTag> compile_out_of_force(TagDefinition definition);
CompiledTag compile_all_registered_clients();

}  // namespace postern::posture
