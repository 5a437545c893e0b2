#include "posture/rules/rule_lab.h"

#include <gmock/gmock.h>

#include <array>
#include <map>
#include <mutex>
#include <string>
#include <utility>

#include "posture/rules/registry.h"

namespace postern::posture::testing {
namespace {

/// What conditions of each type were seen to say, by verdict.
class Seen final : public ::testing::Environment {
 public:
  void add(std::string_view type, Verdict verdict) {
    const std::lock_guard lock(mutex_);
    verdicts_[type][static_cast<std::size_t>(verdict)] = true;
  }

  void TearDown() override {
    if (GTEST_FLAG_GET(filter) != "*" || ::testing::UnitTest::GetInstance()->Failed())
      return;  // not all ran to the end
    const std::lock_guard lock(mutex_);
    if (verdicts_.empty()) return;  // a program that tests no rules
    for (const RuleType* type : rule_types()) {
      for (const Verdict verdict : {Verdict::kMatch, Verdict::kNoMatch, Verdict::kUnknown}) {
        if (verdicts_[type->name][static_cast<std::size_t>(verdict)]) continue;
        if (verdict == Verdict::kUnknown && type->facts.empty()) continue;  // reads nothing that could be unknown
        ADD_FAILURE() << "no test sees the rule type " << type->name << " say " << verdict_name(verdict)
                      << "; add one that crosses each of its thresholds (" << type->name << "'s _test.cc, by make())";
      }
    }
  }

 private:
  std::mutex mutex_;
  std::map<std::string_view, std::array<bool, 3>> verdicts_;
};

Seen* const seen = [] {
  auto* made = new Seen;  // googletest's from here on
  ::testing::AddGlobalTestEnvironment(made);
  return made;
}();

/// Says what the type's own condition says.
class Recorded final : public Condition {
 public:
  Recorded(std::string_view type, std::unique_ptr<const Condition> inner) : type_(type), inner_(std::move(inner)) {
    keys_ = inner_->keys();
  }
  Judgement judge(const FactView& facts) const override {
    const Judgement out = inner_->judge(facts);
    seen->add(type_, out.verdict);
    return out;
  }
  std::string describe() const override { return inner_->describe(); }
  bool timed() const override { return inner_->timed(); }
  const SetParts* parts() const override { return inner_->parts(); }

 private:
  std::string_view type_;
  std::unique_ptr<const Condition> inner_;
};

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
  return std::make_unique<Recorded>(found->name, std::move(*condition));
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
  condition.judge(view);
  EXPECT_EQ(view.until() - now.wall, until - now.wall) << condition.describe();
}

void expect_parts_agree(const Condition& condition, const FactMap& facts, Now now) {
  ASSERT_NE(condition.parts(), nullptr) << condition.describe();
  const FactView view(facts, now);
  EXPECT_EQ(verdict_name(verdict_of_parts(condition, view)), verdict_name(condition.judge(view).verdict))
      << condition.describe();
}

}  // namespace postern::posture::testing
