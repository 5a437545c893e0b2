#include "posture/rules/rule_lab.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "base/text.h"
#include "posture/rules/registry.h"
#include "posture/rules/seen_lab.h"

namespace postern::posture::testing {
namespace {

/// What holds where a parameter isn't given, as its help says ("all if not given"); nothing if it doesn't say.
std::optional<ParameterValue> told_default(const ParameterSpec& spec) {
  const std::size_t end = spec.help.find(" if not given");
  if (end == spec.help.npos) return std::nullopt;
  const std::string_view before = spec.help.substr(0, end);
  const std::string_view word = before.substr(before.rfind(' ') + 1);
  if (word == "true" || word == "false") return word == "true";
  if (const auto number = parse_u64(word)) return static_cast<std::int64_t>(*number);
  if (std::find(spec.choices.begin(), spec.choices.end(), word) == spec.choices.end()) return std::nullopt;
  return std::string(word);
}

/// A condition, and what it is a use of.
struct Used {
  std::unique_ptr<const Condition> condition;
  std::vector<Use> uses;
};

/// The rule again for each parameter that isn't given, with what is told to hold then; not where a rule can't have
/// both.
std::vector<Used> spelled_out(const RuleType& type, const Parameters& parameters, OsFamily os) {
  std::vector<Used> out;
  for (const ParameterSpec& spec : type.parameters) {
    const auto value = parameters.contains(spec.name) ? std::nullopt : told_default(spec);
    if (!value) continue;
    Parameters more = parameters;
    more.emplace(std::string(spec.name), *value);
    if (!check_parameters(type, more)) continue;
    if (auto condition = type.compile(more, os)) out.push_back({std::move(*condition), uses(type, more)});
  }
  return out;
}

/// Says what the type's own condition says, which is what it says with its defaults given, too.
class Recorded final : public Condition {
 public:
  Recorded(Used own, std::vector<Used> spelled_out) : own_(std::move(own)), spelled_out_(std::move(spelled_out)) {
    keys_ = own_.condition->keys();
  }
  Judgement judge(const FactView& facts) const override {
    const Judgement out = own_.condition->judge(facts);
    seen(own_.uses, out.verdict);
    for (const Used& same : spelled_out_) {
      const Judgement judgement = same.condition->judge(facts);
      EXPECT_EQ(verdict_name(judgement.verdict), verdict_name(out.verdict))
          << "a default is not as its help says: without it " << describe() << ", with it "
          << same.condition->describe();
      seen(same.uses, judgement.verdict);
    }
    return out;
  }
  std::string describe() const override { return own_.condition->describe(); }
  bool timed() const override { return own_.condition->timed(); }
  const SetParts* parts() const override { return own_.condition->parts(); }
  const Condition& own() const { return *own_.condition; }

 private:
  Used own_;
  std::vector<Used> spelled_out_;
};

/// For what is judged without anybody saying what it should be: that is no test of a verdict.
const Condition& unrecorded(const Condition& condition) {
  const auto* recorded = dynamic_cast<const Recorded*>(&condition);
  return recorded == nullptr ? condition : recorded->own();
}

/// A rule type tells what it reads: "process.running:<name>" stands for every key that begins so.
bool told(const RuleType& type, std::string_view key) {
  for (const std::string_view fact : type.facts) {
    const std::size_t argument = fact.find('<');
    if (argument == fact.npos ? key == fact : key.starts_with(fact.substr(0, argument))) return true;
  }
  return false;
}

Verdict verdict_of_parts(const Condition& condition, const FactView& facts) {
  const SetParts* parts = condition.parts();
  if (parts == nullptr) return condition.judge(facts).verdict;
  Verdict out = parts->match == Match::kAll ? Verdict::kMatch : Verdict::kNoMatch;
  for (const auto& part : parts->conditions) {
    const Verdict one = verdict_of_parts(*part, facts);
    out = parts->match == Match::kAll ? verdict_and(out, one) : verdict_or(out, one);
  }
  return out;
}

}  // namespace

std::unique_ptr<const Condition> make(std::string_view type, const Parameters& parameters, OsFamily os) {
  const RuleType* found = find_rule_type(type);
  EXPECT_NE(found, nullptr) << type;
  const Status checked = check_parameters(*found, parameters);
  EXPECT_TRUE(checked.has_value()) << checked.error().message;
  auto condition = found->compile(parameters, os);
  EXPECT_TRUE(condition.has_value()) << condition.error().message;
  for (const std::string& key : (*condition)->keys()) EXPECT_TRUE(told(*found, key)) << type << " reads " << key;
  return std::make_unique<Recorded>(Used{std::move(*condition), uses(*found, parameters)},
                                    spelled_out(*found, parameters, os));
}

std::string refusal(std::string_view type, const Parameters& parameters, OsFamily os) {
  const RuleType* found = find_rule_type(type);
  EXPECT_NE(found, nullptr) << type;
  if (const Status checked = check_parameters(*found, parameters); !checked) return checked.error().message;
  auto condition = found->compile(parameters, os);
  return condition ? std::string() : condition.error().message;
}

void expect(const Condition& condition, const FactMap& facts, Verdict verdict, std::string_view reason, Now now) {
  const Judgement judgement = condition.judge(FactView(facts, now));
  EXPECT_EQ(verdict_name(judgement.verdict), verdict_name(verdict)) << condition.describe();
  ASSERT_NE(judgement.reason, nullptr);
  EXPECT_EQ(judgement.reason->code, reason) << condition.describe();
  EXPECT_FALSE(judgement.reason->text.empty());
}

void expect_verdict(const Condition& condition, const FactMap& facts, Verdict verdict) {
  EXPECT_EQ(verdict_name(condition.judge(FactView(facts, kNow)).verdict), verdict_name(verdict)) << condition.describe();
}

void expect_unknowns(const Condition& condition, FactMap facts, std::string_view key, const Fact& malformed) {
  const std::string k(key);
  facts.erase(k);
  expect(condition, facts, Verdict::kUnknown, "not_reported");
  const std::pair<UnknownReason, const char*> reasons[] = {{UnknownReason::kUnsupported, "unsupported"},
                                                           {UnknownReason::kDenied, "denied"},
                                                           {UnknownReason::kStale, "stale"},
                                                           {UnknownReason::kFailed, "failed"}};
  for (const auto& [reason, code] : reasons) {
    facts[k] = unknown(reason);
    expect(condition, facts, Verdict::kUnknown, code);
  }
  facts[k] = malformed;
  expect(condition, facts, Verdict::kUnknown, "malformed");
}

void expect_with_tags(const Condition& condition, const FactMap& tags, Verdict verdict, std::string_view reason) {
  class Tags final : public TagSource {
   public:
    explicit Tags(const FactMap& tags) : tags_(tags) {}
    const Fact* find_tag(std::string_view reference) const override {
      const auto it = tags_.find(reference);
      return it == tags_.end() ? nullptr : &it->second;
    }

   private:
    const FactMap& tags_;
  };
  const Tags source(tags);
  const FactMap none;
  const Judgement judgement = condition.judge(FactView(none, kNow).with_tags(source));
  EXPECT_EQ(judgement.verdict, verdict) << condition.describe();
  EXPECT_EQ(judgement.reason->code, reason) << condition.describe();
}

void expect_until(const Condition& condition, const FactMap& facts, WallTime until, Now now) {
  EXPECT_TRUE(condition.timed());
  const FactView view(facts, now);
  unrecorded(condition).judge(view);
  EXPECT_EQ(view.until() - now.wall, until - now.wall) << condition.describe();
}

void expect_parts_agree(const Condition& condition, const FactMap& facts, Now now) {
  ASSERT_NE(condition.parts(), nullptr) << condition.describe();
  const FactView view(facts, now);
  EXPECT_EQ(verdict_name(verdict_of_parts(condition, view)), verdict_name(unrecorded(condition).judge(view).verdict))
      << condition.describe();
}

}  // namespace postern::posture::testing
