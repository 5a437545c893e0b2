#pragma once
// A fact that is a list of texts, held against the entries of a rule: by all or any.
#include <algorithm>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "posture/rules/reading.h"

namespace postern::posture::rules {

/// One fact, so that it is judged once per distinct list. `same` says whether an entry of the fact is one of the rule.
class ListCondition final : public Condition {
 public:
  using Same = bool (*)(std::string_view of_fact, std::string_view of_rule);

  ListCondition(std::string_view key, std::vector<std::string> wanted, Match match, Same same, const Reason& matched,
                const Reason& not_matched, std::string text)
      : wanted_(std::move(wanted)), match_(match), same_(same), matched_(matched), not_matched_(not_matched),
        text_(std::move(text)) {
    keys_ = {std::string(key)};
  }

  Judgement judge(const FactView& facts) const override {
    const Reason* why = nullptr;
    const auto* list = read<std::vector<std::string>>(facts, keys_.front(), why);
    if (list == nullptr) return {Verdict::kUnknown, why};
    SetVerdict set(match_);
    for (const std::string& wanted : wanted_) {
      const bool there = std::any_of(list->begin(), list->end(), [&](const auto& one) { return same_(one, wanted); });
      set.add(verdict_of(there), nullptr);
    }
    return set.judgement(matched_, not_matched_);
  }
  std::string describe() const override { return text_; }

 private:
  std::vector<std::string> wanted_;
  Match match_;
  Same same_;
  const Reason& matched_;
  const Reason& not_matched_;
  std::string text_;
};

}  // namespace postern::posture::rules
