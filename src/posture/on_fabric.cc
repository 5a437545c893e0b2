#include "posture/on_fabric.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "base/sort_unique.h"
#include "base/text.h"
#include "posture/fact_keys.h"
#include "posture/quote.h"
#include "posture/rules/reading.h"

namespace postern::posture {
namespace {

constexpr Reason kDetected{"on_fabric_detected", "all that one of the detection sets asks for holds"};
constexpr Reason kNotDetected{"on_fabric_not_detected", "no detection set holds"};
constexpr Reason kSystemUnsupported{"os_unsupported",
                                    "the endpoint reports an operating system for which nobody can say what it finds"};
constexpr Reason kNoSets{"no_detection_sets", "nobody said by what on-fabric is detected"};

/// Why nobody can say what this endpoint's facts mean; null: its system is one of those that detection knows.
const Reason* system_unknown(const FactView& facts) {
  const Reason* why = nullptr;
  const auto* name = rules::read<std::string>(facts, keys::kOsFamily, why);
  if (name == nullptr) return why;
  return parse_os_family(*name) ? nullptr : &kSystemUnsupported;
}

std::string detection_type_names() {
  std::vector<std::string> names;
  for (const RuleType* type : detection_types()) names.emplace_back(type->name);
  return join(names, ", ");
}

Result<std::unique_ptr<const Condition>> compile_detection_rule(const DetectionRule& rule, const std::string& where) {
  const RuleType* type = find_detection_type(rule.type);
  if (type == nullptr) {
    return invalid(fmt::format("{}: type: {} is not known; it must be one of {}", where, posture::quoted(rule.type),
                               detection_type_names()));
  }
  const std::string named = fmt::format("{} ({})", where, type->name);
  if (Status ok = check_parameters(*type, rule.parameters); !ok) return fail(ok.error().context(named));
  auto condition = type->compile(rule.parameters, OsFamily::kLinux);  // the same on all of type->systems
  if (!condition) return fail(condition.error().context(named));
  for (const std::string& key : (*condition)->keys()) {
    if (key.size() <= keys::kMaxKeyBytes) continue;
    return invalid(fmt::format("{}: {} is too long for a fact's name: {} bytes, allowed are {}", named, posture::quoted(key),
                               key.size(), keys::kMaxKeyBytes));
  }
  return condition;
}

Status check_set_head(const DetectionSets& sets, std::size_t i) {
  const DetectionSet& set = sets[i];
  if (set.name.empty() || set.name.size() > kMaxDetectionSetName || !clean_text(set.name) || trim(set.name) != set.name) {
    return invalid(fmt::format("sets[{}]: name: {} is not allowed; it has 1 to {} bytes of UTF-8 text without control "
                               "characters and without spaces at its ends",
                               i, posture::quoted(set.name), kMaxDetectionSetName));
  }
  for (std::size_t other = 0; other < i; ++other) {
    if (sets[other].name == set.name)
      return invalid(fmt::format("sets[{}]: name: {} is another set's already", i, posture::quoted(set.name)));
  }
  if (set.rules.empty() || set.rules.size() > kMaxDetectionRules) {
    return invalid(fmt::format("sets[{}]: rules: there are {}, allowed are 1 to {}", i, set.rules.size(), kMaxDetectionRules));
  }
  return {};
}

}  // namespace

const RuleType* find_detection_type(std::string_view name) {
  for (const RuleType* type : detection_types()) {
    if (type->name == name) return type;
  }
  return nullptr;
}

Result<OnFabricDetection> OnFabricDetection::compile(DetectionSets sets) {
  if (sets.size() > kMaxDetectionSets)
    return invalid(fmt::format("sets: there are {}, allowed are {}", sets.size(), kMaxDetectionSets));
  OnFabricDetection out;
  for (std::size_t i = 0; i < sets.size(); ++i) {
    if (Status ok = check_set_head(sets, i); !ok) return fail(ok.error());
    CompiledSet compiled;
    std::map<std::string_view, std::vector<std::size_t>> by_type;
    for (std::size_t k = 0; k < sets[i].rules.size(); ++k) {
      auto condition = compile_detection_rule(sets[i].rules[k], fmt::format("sets[{}]: rules[{}]", i, k));
      if (!condition) return fail(condition.error());
      for (const std::string& key : (*condition)->keys()) out.keys_.push_back(key);
      by_type[sets[i].rules[k].type].push_back(k);
      compiled.conditions.push_back(std::move(*condition));
    }
    for (auto& [type, places] : by_type) compiled.groups.push_back(std::move(places));
    out.compiled_.push_back(std::move(compiled));
  }
  if (!out.compiled_.empty()) out.keys_.emplace_back(keys::kOsFamily);
  sort_unique(out.keys_);
  std::copy_if(out.keys_.begin(), out.keys_.end(), std::back_inserter(out.required_facts_),
               [](const std::string& key) { return !key.starts_with(keys::kEmsPrefix) && key != keys::kOsFamily; });
  out.sets_ = std::move(sets);
  return out;
}

Judgement OnFabricDetection::judge_set(const CompiledSet& set, const FactView& facts) {
  rules::SetVerdict all(Match::kAll);
  for (const auto& group : set.groups) {
    rules::SetVerdict any(Match::kAny);
    for (const std::size_t at : group) {
      const Judgement one = set.conditions[at]->judge(facts);
      any.add(one.verdict, one.reason);
    }
    const Judgement of_type = any.judgement(kDetected, kNotDetected);
    all.add(of_type.verdict, of_type.reason);
  }
  return all.judgement(kDetected, kNotDetected);
}

Judgement OnFabricDetection::judge(const FactView& facts) const {
  if (compiled_.empty()) return {Verdict::kUnknown, &kNoSets};
  if (const Reason* why = system_unknown(facts)) return {Verdict::kUnknown, why};
  rules::SetVerdict any(Match::kAny);
  for (const CompiledSet& set : compiled_) {
    const Judgement one = judge_set(set, facts);
    any.add(one.verdict, one.reason);
  }
  return any.judgement(kDetected, kNotDetected);
}

std::vector<DetectionSetExplanation> OnFabricDetection::explain(const FactView& facts) const {
  std::vector<DetectionSetExplanation> out;
  const Reason* foreign = system_unknown(facts);
  for (std::size_t i = 0; i < compiled_.size(); ++i) {
    DetectionSetExplanation set;
    set.name = sets_[i].name;
    set.verdict = foreign != nullptr ? Verdict::kUnknown : judge_set(compiled_[i], facts).verdict;
    for (std::size_t k = 0; k < compiled_[i].conditions.size(); ++k) {
      const Condition& condition = *compiled_[i].conditions[k];
      const Judgement judgement = foreign != nullptr ? Judgement{Verdict::kUnknown, foreign} : condition.judge(facts);
      DetectionRuleExplanation rule;
      rule.type = sets_[i].rules[k].type;
      rule.verdict = judgement.verdict;
      rule.condition = condition.describe();
      rule.reason = judgement.reason->code;
      rule.text = judgement.reason->text;
      if (foreign != nullptr) rule.facts.push_back(read_fact(facts, keys::kOsFamily));
      for (const std::string& key : condition.keys()) rule.facts.push_back(read_fact(facts, key));
      set.rules.push_back(std::move(rule));
    }
    out.push_back(std::move(set));
  }
  return out;
}

}  // namespace postern::posture
