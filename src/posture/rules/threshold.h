#pragma once
// A fact that is a number, held against another.
#include <cstdint>
#include <string>
#include <utility>

#include "posture/rules/comparing.h"

namespace postern::posture::rules {

class ThresholdCondition final : public Condition {
 public:
  ThresholdCondition(std::string_view key, Comparison comparison, std::int64_t threshold, const Reason& matched,
                     const Reason& not_matched, std::string text)
      : comparison_(comparison), threshold_(threshold), matched_(matched), not_matched_(not_matched),
        text_(std::move(text)) {
    keys_ = {std::string(key)};
  }

  Judgement judge(const FactView& facts) const override {
    const Reason* why = nullptr;
    const auto* number = read<std::int64_t>(facts, keys_.front(), why);
    if (number == nullptr) return {Verdict::kUnknown, why};
    const bool holds = satisfies(comparison_, *number <=> threshold_);
    return {verdict_of(holds), holds ? &matched_ : &not_matched_};
  }
  std::string describe() const override { return text_; }

 private:
  Comparison comparison_;
  std::int64_t threshold_;
  const Reason& matched_;
  const Reason& not_matched_;
  std::string text_;
};

}  // namespace postern::posture::rules
