#include "posture/compiled_tag.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <utility>

#include "base/sort_unique.h"
#include "base/text.h"
#include "posture/fact_keys.h"
#include "posture/quote.h"
#include "posture/rules/reading.h"
#include "posture/rules/registry.h"
#include "posture/tag_reference.h"

namespace postern::posture {
namespace {

constexpr Reason kRegistered{"registered", "the endpoint is registered"};
constexpr Reason kClassified{"classified", "it was given to the endpoint by hand"};
constexpr Reason kNotClassified{"not_classified", "nobody gave it to the endpoint"};

class Registered final : public Condition {
 public:
  Registered() { keys_ = {std::string(keys::kEmsRegistered)}; }
  Judgement judge(const FactView& facts) const override {
    return rules::judge_flag(facts, keys::kEmsRegistered, kRegistered, rules::kNotRegistered);
  }
  std::string describe() const override { return "the endpoint is registered"; }
};

/// What a classification tag without rules asks.
class GivenByHand final : public Condition {
 public:
  explicit GivenByHand(std::string name) : name_(std::move(name)) { keys_ = {std::string(keys::kEmsClassifications)}; }
  Judgement judge(const FactView& facts) const override {
    return rules::judge_contains(facts, keys::kEmsClassifications, name_, kClassified, kNotClassified);
  }
  std::string describe() const override { return "somebody gave it to the endpoint"; }

 private:
  std::string name_;
};

constexpr Reason kOutOfForce{"not_in_force",
                             "the tag is not in force: its rules refer to tags in a circle, or to too many in a row, or say what is "
                             "not allowed any more; save it again without that"};

/// Of a tag whose rules can't be judged.
class OutOfForce final : public Condition {
 public:
  OutOfForce() { keys_ = {std::string(keys::kEmsRegistered)}; }  // something that everybody has
  Judgement judge(const FactView&) const override { return {Verdict::kUnknown, &kOutOfForce}; }
  std::string describe() const override { return "its rules, which are not in force"; }
};

TagState state_of(Verdict verdict) {
  switch (verdict) {
    case Verdict::kMatch:
      return TagState::kHas;
    case Verdict::kNoMatch:
      return TagState::kAbsent;
    case Verdict::kUnknown:
      break;
  }
  return TagState::kUnknown;
}

Status check_field(std::string_view field, std::string_view text) {
  if (text.size() > kMaxTagText) {
    return invalid(
        fmt::format("{}: has {} bytes, allowed are {}", field, text.size(), kMaxTagText));
  }
  if (!clean_text(text, true))
    return invalid(fmt::format("{}: must be UTF-8 text without control characters", field));
  return {};
}

Status check_head(const TagDefinition& tag) {
  if (!valid_tag_name(tag.name.str())) {
    return invalid(
        fmt::format("name: {} is not allowed; a tag's name has 1 to 63 characters of A-Z, a-z, "
                    "0-9, \".\", \"_\", "
                    "\"-\" and spaces inside",
                    posture::quoted(tag.name.str())));
  }
  if (tag.name.str() == kAllRegisteredClients) {
    return invalid(
        fmt::format("name: \"{}\" is built in; choose another name", kAllRegisteredClients));
  }
  if (Status ok = check_field("message", tag.message); !ok) return ok;
  if (Status ok = check_field("comment", tag.comment); !ok) return ok;
  if (tag.loss_delay < Seconds(0) || tag.loss_delay > kMaxLossDelay) {
    return invalid(fmt::format("loss_delay: {} is not allowed; it must be 0 to {} seconds", tag.loss_delay.count(),
                               kMaxLossDelay.count()));
  }
  if (tag.rules.size() > kMaxRules) {
    return invalid(fmt::format("rules: there are {}, allowed are {}", tag.rules.size(), kMaxRules));
  }
  std::set<std::uint32_t> ids;
  for (std::size_t i = 0; i < tag.rules.size(); ++i) {
    const std::uint32_t id = tag.rules[i].id;
    if (id < 1 || id > kMaxRuleId) {
      return invalid(
          fmt::format("rules[{}]: id: {} is not allowed; it must be 1 to {}", i, id, kMaxRuleId));
    }
    if (!ids.insert(id).second) {
      return invalid(fmt::format(
          "rules[{}]: id: {} is another rule's already; each rule of a tag has its own", i, id));
    }
  }
  return {};
}

/// How many letters to change, add or take away to make one of the other. REQUIRES: both are short.
std::size_t edits(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i + 1);
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t changed = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = std::exchange(row[j + 1], std::min({row[j] + 1, row[j + 1] + 1, changed}));
    }
  }
  return row.back();
}

/// There are too many to name: the one that was probably meant, and where all are listed.
std::string unknown_type(std::string_view name) {
  constexpr std::size_t kNear = 3, kLong = 40;
  std::string_view nearest;
  std::size_t distance = kNear + 1;
  for (const RuleType* type : rule_types()) {
    const std::size_t away = name.size() > kLong ? distance : edits(name, type->name);
    if (away < distance) {
      distance = away;
      nearest = type->name;
    }
  }
  std::string out = fmt::format("type: {} is not known; ", posture::quoted(name));
  if (!nearest.empty()) out += fmt::format("did you mean {}? ", nearest);
  return out + fmt::format("`postern-ems rule-types` lists the {} there are", rule_types().size());
}

/// Lengths stand in front, so that no two rules are written alike.
std::string identity_of(const RuleSpec& spec) {
  std::string out = fmt::format("{}/{}/{}", os_family_name(spec.os), spec.type, spec.max_age.value_or(Seconds(0)).count());
  const auto add = [&out](std::string_view text) { out += fmt::format("/{}:{}", text.size(), text); };
  for (const auto& [name, value] : spec.parameters) {
    add(name);
    if (const auto* text = std::get_if<std::string>(&value)) add(*text);
    if (const auto* integer = std::get_if<std::int64_t>(&value)) add(fmt::format("i{}", *integer));
    if (const auto* number = std::get_if<double>(&value)) add(fmt::format("d{}", *number));
    if (const auto* flag = std::get_if<bool>(&value)) add(*flag ? "b1" : "b0");
    if (const auto* list = std::get_if<std::vector<std::string>>(&value)) {
      add(fmt::format("l{}", list->size()));
      for (const std::string& text : *list) add(text);
    }
  }
  return out;
}

/// Reported by the agent: neither the EMS's own nor another tag.
bool is_reported(std::string_view key) {
  return !key.starts_with(keys::kEmsPrefix) && !key.starts_with(keys::kTagPrefix);
}

Result<CompiledRule> compile_rule(const RuleSpec& spec) {
  const RuleType* type = find_rule_type(spec.type);
  if (type == nullptr) {
    return invalid(fmt::format("rule {}: {}", spec.id, unknown_type(spec.type)));
  }
  const std::string rule = fmt::format("rule {} ({})", spec.id, type->name);
  if (spec.max_age && (*spec.max_age < kMinMaxAge || *spec.max_age > kMaxMaxAge)) {
    return invalid(fmt::format("{}: max_age: {} is not allowed; it must be {} to {} seconds", rule, spec.max_age->count(),
                               kMinMaxAge.count(), kMaxMaxAge.count()));
  }
  if (std::find(type->systems.begin(), type->systems.end(), spec.os) == type->systems.end()) {
    std::vector<std::string> systems;
    for (const OsFamily os : type->systems) systems.emplace_back(os_family_name(os));
    return invalid(fmt::format("{}: os: \"{}\" has no such rule; it must be one of {}", rule,
                               os_family_name(spec.os), join(systems, ", ")));
  }
  if (Status ok = check_parameters(*type, spec.parameters); !ok)
    return fail(ok.error().context(rule));
  auto condition = type->compile(spec.parameters, spec.os);
  if (!condition) return fail(condition.error().context(rule));
  for (const std::string& key : (*condition)->keys()) {
    if (key.size() > keys::kMaxKeyBytes) {
      return invalid(fmt::format("{}: {} is too long for a fact's name: {} bytes, allowed are {}", rule,
                                 posture::quoted(key), key.size(), keys::kMaxKeyBytes));
    }
  }
  return CompiledRule{spec.id, spec.negate, type, spec.max_age, std::move(*condition), identity_of(spec)};
}

/// The rules of one OS as text, for error messages.
std::string numbers_of(const std::vector<std::uint32_t>& ids) {
  if (ids.empty()) return "it has none";
  return fmt::format("its rules are {}", fmt::join(ids, ", "));
}

Result<Logic> compile_logic(const TagDefinition& tag, OsFamily os,
                            const std::vector<std::uint32_t>& own) {
  const auto text = tag.logic.find(os);
  if (text == tag.logic.end()) return Logic::all(own);
  const std::string where = fmt::format("logic.{}", os_family_name(os));
  auto logic = Logic::parse(text->second);
  if (!logic) return fail(logic.error().context(where));
  for (const std::uint32_t id : logic->rules()) {
    if (std::find(own.begin(), own.end(), id) != own.end()) continue;
    const auto other = std::find_if(tag.rules.begin(), tag.rules.end(),
                                    [&](const RuleSpec& r) { return r.id == id; });
    if (other == tag.rules.end()) {
      return invalid(fmt::format("{}: there is no rule {}; {}", where, id, numbers_of(own)));
    }
    return invalid(
        fmt::format("{}: rule {} is one of {}, and an endpoint is judged by the rules of its own "
                    "system only; {}",
                    where, id, os_family_name(other->os), numbers_of(own)));
  }
  return logic;
}

}  // namespace

Judgement CompiledRule::judge(const FactView& facts) const {
  Judgement judgement;
  if (max_age) {
    const FactView limited = facts.with_max_age(max_age);
    judgement = condition->judge(limited);
    facts.holds_until(limited.until());
  } else {
    judgement = condition->judge(facts);
  }
  if (negate) judgement.verdict = verdict_not(judgement.verdict);
  return judgement;
}

TagState CompiledTag::evaluate(const FactView& facts) const {
  if (!definition_.enabled) return TagState::kAbsent;
  if (sole_.condition) return state_of(sole_.judge(facts).verdict);
  return by_rules(facts);
}

TagState CompiledTag::by_rules(const FactView& facts) const {
  if (definition_.rules.empty()) return TagState::kAbsent;
  const Fact* fact = facts.find(keys::kOsFamily);
  const std::string* name = fact == nullptr ? nullptr : fact->as<std::string>();
  if (name == nullptr) return TagState::kUnknown;
  const auto os = parse_os_family(*name);
  if (!os) return TagState::kUnknown;  // no rule can be written for it: an invented name escapes no tag that denies
  const Part& part = parts_[static_cast<std::size_t>(*os)];
  std::array<Verdict, kMaxRules> verdicts;
  for (std::size_t i = 0; i < part.order.size(); ++i)
    verdicts[i] = part.rules[part.order[i]].judge(facts).verdict;
  return state_of(part.logic.evaluate([&](std::size_t i) { return verdicts[i]; }));
}

Result<CompiledTag> compile_tag(TagDefinition definition) {
  if (Status ok = check_head(definition); !ok) return fail(ok.error());
  CompiledTag tag;
  for (const RuleSpec& spec : definition.rules) {
    auto rule = compile_rule(spec);
    if (!rule) return fail(rule.error());
    tag.parts_[static_cast<std::size_t>(spec.os)].rules.push_back(std::move(*rule));
  }
  for (const OsFamily os : kAllOsFamilies) {
    auto& part = tag.parts_[static_cast<std::size_t>(os)];
    std::vector<std::uint32_t> own;
    for (const CompiledRule& rule : part.rules) own.push_back(rule.id);
    auto logic = compile_logic(definition, os, own);
    if (!logic) return fail(logic.error());
    part.logic = std::move(*logic);
    for (const std::uint32_t id : part.logic.rules()) {
      part.order.push_back(
          static_cast<std::uint16_t>(std::find(own.begin(), own.end(), id) - own.begin()));
    }
    if (!definition.enabled) continue;
    for (const std::uint16_t at : part.order) {
      // A rule that the logic leaves out is not evaluated: nothing is read or collected for it.
      const CompiledRule& rule = part.rules[at];
      for (const std::string& key : rule.condition->keys()) {
        tag.keys_.push_back(key);
        if (is_reported(key)) part.required_facts.push_back(key);
        if (const auto other = referred_tag(key)) tag.referred_tags_.emplace_back(other->name);
      }
    }
    sort_unique(part.required_facts);
  }
  if (definition.enabled && definition.rules.empty() && definition.kind == TagKind::kClassification) {
    tag.sole_.condition = std::make_unique<GivenByHand>(definition.name.str());
    tag.sole_.identity = "given/" + definition.name.str();
    tag.keys_ = tag.sole_.condition->keys();
  }
  if (definition.enabled && !definition.rules.empty()) tag.keys_.emplace_back(keys::kOsFamily);
  sort_unique(tag.keys_);
  sort_unique(tag.referred_tags_);
  tag.definition_ = std::move(definition);
  return tag;
}

Result<CompiledTag> compile_out_of_force(TagDefinition definition) {
  auto tag = compile_tag(definition);
  if (!tag) {
    auto without = definition;
    without.rules.clear();
    without.logic = {};
    tag = compile_tag(std::move(without));
    if (!tag) return tag;
    tag->definition_ = std::move(definition);
  }
  tag->parts_ = {};
  tag->referred_tags_.clear();
  tag->sole_ = {};
  tag->sole_.condition = std::make_unique<OutOfForce>();
  tag->sole_.identity = "not_in_force";
  tag->keys_ = tag->sole_.condition->keys();
  tag->in_force_ = false;
  return tag;
}

CompiledTag compile_all_registered_clients() {
  CompiledTag tag;
  tag.definition_ = all_registered_clients_definition();
  tag.sole_.condition = std::make_unique<Registered>();
  tag.sole_.identity = "registered";
  tag.keys_ = tag.sole_.condition->keys();
  return tag;
}

}  // namespace postern::posture
