#include "posture/rules/rule_lab.h"

#include <gmock/gmock.h>

#include <string>
#include <utility>

#include "posture/rules/registry.h"

namespace postern::posture::testing {

std::unique_ptr<const Condition> make(std::string_view type, const Parameters& parameters,
                                      OsFamily os) {
  const RuleType* found = find_rule_type(type);
  EXPECT_NE(found, nullptr) << type;
  const Status checked = check_parameters(*found, parameters);
  EXPECT_TRUE(checked.has_value()) << checked.error().message;
  auto condition = found->compile(parameters, os);
  EXPECT_TRUE(condition.has_value()) << condition.error().message;
  return std::move(*condition);
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

void expect_unknowns(const Condition& condition, FactMap facts, std::string_view key,
                     const Fact& malformed) {
  const std::string k(key);
  facts.erase(k);
  expect(condition, facts, Verdict::kUnknown, "not_reported");
  const std::pair<UnknownReason, const char*> reasons[] = {
      {UnknownReason::kUnsupported, "unsupported"},
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

}  // namespace postern::posture::testing
