// CompiledTag::explain: the same judgement as evaluate(), told in full.
#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "posture/compiled_tag.h"
#include "posture/fact_keys.h"
#include "posture/quote.h"

namespace postern::posture {
namespace {

/// What its parts say, each thing once.
void add_reasons(const Condition& condition, const FactView& facts, std::vector<std::string>& texts) {
  const Judgement judgement = condition.judge(facts);
  const SetParts* parts = condition.parts();
  const bool by_all = parts != nullptr && !parts->conditions.empty() &&
                      judgement.verdict == (parts->match == Match::kAll ? Verdict::kMatch : Verdict::kNoMatch);
  // One that has words of its own for all its parts together tells those.
  if (by_all && parts->conditions.front()->judge(facts).reason == judgement.reason) {
    for (const auto& part : parts->conditions) add_reasons(*part, facts, texts);
    return;
  }
  std::string text(judgement.reason->text);
  if (std::ranges::find(texts, text) == texts.end()) texts.push_back(std::move(text));
}

/// Where all parts had to lead to it, one alone would leave out what else was asked.
std::string reason_text(const Condition& condition, const FactView& facts) {
  std::vector<std::string> texts;
  add_reasons(condition, facts, texts);
  return join(texts, "; ");
}

RuleExplanation explain_rule(const CompiledRule& rule, const FactView& facts) {
  const FactView young = facts.with_max_age(rule.max_age);
  const Judgement judgement = rule.condition->judge(young);
  RuleExplanation out;
  out.id = rule.id;
  if (rule.type != nullptr) out.type = rule.type->name;
  out.negate = rule.negate;
  out.verdict = rule.negate ? verdict_not(judgement.verdict) : judgement.verdict;
  out.condition = (rule.negate ? "not: " : "") + rule.condition->describe();
  out.reason = judgement.reason->code;
  out.text = reason_text(*rule.condition, young);
  out.max_age = rule.max_age;
  for (const std::string& key : rule.condition->keys()) out.facts.push_back(read_fact(facts, key));
  return out;
}

void say(TagExplanation& out, std::string_view reason, std::string text) {
  out.reason = reason;
  out.text = std::move(text);
}

}  // namespace

TagExplanation CompiledTag::explain(const FactView& facts) const {
  TagExplanation out;
  out.name = definition_.name;
  out.state = evaluate(facts);
  if (sole_.condition) {
    out.rules.push_back(explain_rule(sole_, facts));
    if (!in_force_) {
      out.rules.back().facts.clear();  // none of them says anything
      say(out, "not_in_force", out.rules.back().text);
      return out;
    }
    say(out, definition_.kind == TagKind::kClassification ? "by_hand" : "built_in", out.rules.back().text);
    return out;
  }
  out.os_fact = read_fact(facts, keys::kOsFamily);
  if (out.os_fact.fact) {
    if (const auto* name = out.os_fact.fact->as<std::string>()) out.os = parse_os_family(*name);
  }
  const Part* own = out.os ? &part(*out.os) : nullptr;
  if (own != nullptr) explain_rules(*own, facts, out);
  if (!definition_.enabled) {
    say(out, "disabled", "the tag is disabled: no endpoint has it");
  } else if (definition_.rules.empty()) {
    say(out, "no_rules", "the tag has no rules: no endpoint has it");
  } else if (own == nullptr) {
    const auto* name = out.os_fact.fact ? out.os_fact.fact->as<std::string>() : nullptr;
    if (name == nullptr) {
      say(out, "os_unknown", "the endpoint's operating system is unknown, so nobody can say which rules hold");
    } else {
      say(out, "os_unsupported",
          fmt::format("the endpoint reports the operating system {}, for which no rules can be written",
                      posture::quoted(*name)));
    }
  } else if (const Fact* os = facts.find(keys::kOsFamily); os == nullptr || !os->known()) {
    // It was told which system this is, too long ago: what is unknown then is not for any rule to say.
    say(out, "silent", "nothing was heard of the endpoint for too long: what it reported no longer counts");
  } else if (own->rules.empty()) {
    say(out, "no_rules_for_os",
        fmt::format("the tag has no rules for this operating system ({})", out.os_fact.text));
  } else {
    say(out, "logic", fmt::format("by {}", out.logic));
  }
  return out;
}

void CompiledTag::explain_rules(const Part& part, const FactView& facts, TagExplanation& out) const {
  for (const CompiledRule& rule : part.rules) out.rules.push_back(explain_rule(rule, facts));
  const auto text = definition_.logic.find(*out.os);
  out.logic = text != definition_.logic.end()
                  ? text->second
                  : fmt::format("{}", fmt::join(part.logic.rules(), " and "));
}

}  // namespace postern::posture
