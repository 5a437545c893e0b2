#include "posture/rules/seen_lab.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <map>
#include <mutex>
#include <string>

#include "posture/rules/registry.h"

namespace postern::posture::testing {
namespace {

constexpr std::array kAllVerdicts = {Verdict::kMatch, Verdict::kNoMatch, Verdict::kUnknown};
constexpr std::array<std::string_view, 2> kBooleans = {"false", "true"};

std::string name_of(const Use& use) {
  if (use.parameter.empty()) return fmt::format("the rule type {}", use.type);
  if (use.choice.empty()) return fmt::format("{} with {}", use.type, use.parameter);
  return fmt::format("{} with {}: {}", use.type, use.parameter, use.choice);
}

/// Every use that a type's schema allows.
std::vector<Use> demanded(const RuleType& type) {
  std::vector<Use> out{{type.name, {}, {}}};
  for (const ParameterSpec& spec : type.parameters) {
    if (spec.type == ParameterSpec::Type::kBoolean) {
      for (const std::string_view value : kBooleans) out.push_back({type.name, spec.name, value});
    } else if (spec.choices.empty()) {
      out.push_back({type.name, spec.name, {}});
    }
    for (const std::string_view choice : spec.choices) out.push_back({type.name, spec.name, choice});
  }
  return out;
}

/// Googletest's own environment, so that it is asked once all tests ran.
class Counted final : public ::testing::Environment {
 public:
  void add(const std::vector<Use>& uses, Verdict verdict) {
    const std::lock_guard lock(mutex_);
    for (const Use& use : uses) seen_[use][static_cast<std::size_t>(verdict)] = true;
  }

  void TearDown() override {
    if (GTEST_FLAG_GET(filter) != "*" || ::testing::UnitTest::GetInstance()->Failed())
      return;  // not all ran to the end
    const std::lock_guard lock(mutex_);
    if (seen_.empty()) return;  // a program that tests no rules
    for (const RuleType* type : rule_types()) {
      for (const Use& use : demanded(*type)) {
        for (const Verdict verdict : kAllVerdicts) check(*type, use, verdict);
      }
    }
  }

 private:
  void check(const RuleType& type, const Use& use, Verdict verdict) {
    if (verdict == Verdict::kUnknown && type.facts.empty()) return;  // reads nothing that could be unknown
    EXPECT_TRUE(seen_[use][static_cast<std::size_t>(verdict)])
        << "no test sees " << name_of(use) << " say " << verdict_name(verdict)
        << "; add one that crosses it, by make() in " << type.name << "'s _test.cc";
  }

  std::mutex mutex_;
  std::map<Use, std::array<bool, kAllVerdicts.size()>> seen_;
};

Counted* const counted = [] {
  auto* made = new Counted;  // googletest's from here on
  ::testing::AddGlobalTestEnvironment(made);
  return made;
}();

bool has_several_entries(const Parameters& parameters) {
  return std::any_of(parameters.begin(), parameters.end(), [](const auto& parameter) {
    const auto* list = std::get_if<std::vector<std::string>>(&parameter.second);
    return list != nullptr && list->size() > 1;
  });
}

/// The only choice that a value holds; empty: it holds none or several.
std::string_view only_choice(const ParameterSpec& spec, const ParameterValue& value) {
  if (const auto* flag = std::get_if<bool>(&value)) return kBooleans[*flag ? 1 : 0];
  const auto* list = std::get_if<std::vector<std::string>>(&value);
  if (list != nullptr && list->size() != 1) return {};
  const auto* text = list != nullptr ? &list->front() : std::get_if<std::string>(&value);
  if (text == nullptr) return {};
  const auto found = std::find(spec.choices.begin(), spec.choices.end(), *text);
  return found == spec.choices.end() ? std::string_view() : *found;
}

}  // namespace

std::vector<Use> uses(const RuleType& type, const Parameters& parameters) {
  std::vector<Use> out{{type.name, {}, {}}};
  for (const ParameterSpec& spec : type.parameters) {
    const auto given = parameters.find(spec.name);
    if (given == parameters.end()) continue;
    if (spec.name == "match" && !has_several_entries(parameters)) continue;
    const std::string_view choice = only_choice(spec, given->second);
    if (choice.empty() && !spec.choices.empty()) continue;
    out.push_back({type.name, spec.name, choice});
  }
  return out;
}

void seen(const std::vector<Use>& uses, Verdict verdict) { counted->add(uses, verdict); }

}  // namespace postern::posture::testing
