// CompiledTag::explain: the same judgement as evaluate(), told in full.
#include <fmt/format.h>

#include "posture/compiled_tag.h"
#include "posture/fact_keys.h"

namespace postern::posture {
namespace {

RuleExplanation explain_condition(const Condition& condition, bool negate, const FactMap& facts,
                                  Now now) {
  const Judgement judgement = condition.judge(FactView(facts, now));
  RuleExplanation out;
  out.negate = negate;
  out.verdict = negate ? verdict_not(judgement.verdict) : judgement.verdict;
  out.condition = (negate ? "not: " : "") + condition.describe();
  out.reason = judgement.reason->code;
  out.text = judgement.reason->text;
  for (const std::string& key : condition.keys())
    out.facts.push_back(read_fact(facts, key, now.wall));
  return out;
}

void say(TagExplanation& out, std::string_view reason, std::string text) {
  out.reason = reason;
  out.text = std::move(text);
}

}  // namespace

TagExplanation CompiledTag::explain(const FactMap& facts, Now now) const {
  TagExplanation out;
  out.name = definition_.name;
  out.state = evaluate(FactView(facts, now));
  if (built_in_) {
    out.rules.push_back(explain_condition(*built_in_, false, facts, now));
    say(out, "built_in", out.rules.back().text);
    return out;
  }
  out.os_fact = read_fact(facts, keys::kOsFamily, now.wall);
  if (out.os_fact.fact) {
    if (const auto* name = out.os_fact.fact->as<std::string>()) out.os = parse_os_family(*name);
  }
  const Part* part = out.os ? &parts_[static_cast<std::size_t>(*out.os)] : nullptr;
  if (part != nullptr) explain_rules(*part, facts, now, out);
  if (!definition_.enabled) {
    say(out, "disabled", "the tag is disabled: no endpoint has it");
  } else if (definition_.rules.empty()) {
    say(out, "no_rules", "the tag has no rules: no endpoint has it");
  } else if (out.state == TagState::kUnknown && part == nullptr) {
    say(out, "os_unknown",
        "the endpoint's operating system is unknown, so nobody can say which rules hold");
  } else if (part == nullptr || part->rules.empty()) {
    say(out, "no_rules_for_os",
        fmt::format("the tag has no rules for this operating system ({})", out.os_fact.text));
  } else {
    say(out, "logic", fmt::format("by {}", out.logic));
  }
  return out;
}

void CompiledTag::explain_rules(const Part& part, const FactMap& facts, Now now,
                                TagExplanation& out) const {
  for (const CompiledRule& rule : part.rules) {
    RuleExplanation one = explain_condition(*rule.condition, rule.negate, facts, now);
    one.id = rule.id;
    one.type = rule.type->name;
    out.rules.push_back(std::move(one));
  }
  const auto text = definition_.logic.find(*out.os);
  out.logic = text != definition_.logic.end()
                  ? text->second
                  : fmt::format("{}", fmt::join(part.logic.rules(), " and "));
}

}  // namespace postern::posture
