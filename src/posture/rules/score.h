#pragma once
// Scores of 0 to 100 that other products give and somebody tells through the API.
#include <fmt/format.h>

#include <string>
#include <utility>

#include "posture/attribute_name.h"
#include "posture/fact_keys.h"
#include "posture/rules/comparing.h"

namespace postern::posture::rules {

class ScoreCondition final : public Condition {
 public:
  ScoreCondition(std::string_view provider, Comparison comparison, std::int64_t score, std::string text)
      : comparison_(comparison), score_(score), text_(std::move(text)) {
    keys_ = {fmt::format("{}{}{}", keys::kEmsAttributePrefix, kScorePrefix, provider)};
  }
  Judgement judge(const FactView& facts) const override {
    static constexpr Reason kHolds{"score_matches", "the score is as demanded"};
    static constexpr Reason kDiffers{"score_differs", "the score is otherwise"};
    static constexpr Reason kNoScore{"score_out_of_range", "what was told is no score of 0 to 100"};
    const Reason* why = nullptr;
    const auto* score = read<std::int64_t>(facts, keys_.front(), why);
    if (score == nullptr) return {Verdict::kUnknown, why};
    if (*score < 0 || *score > 100) return {Verdict::kUnknown, &kNoScore};
    const bool holds = satisfies(comparison_, *score <=> score_);
    return {verdict_of(holds), holds ? &kHolds : &kDiffers};
  }
  std::string describe() const override { return text_; }

 private:
  Comparison comparison_;
  std::int64_t score_;
  std::string text_;
};

inline ParameterSpec score_parameter() {
  return {.name = "score", .type = ParameterSpec::Type::kInteger, .required = true, .min = 0, .max = 100, .help = "0 to 100."};
}
inline constexpr std::string_view kScoreUnknown =
    "Also where nobody told the score, what was told is expired, or is no whole number from 0 to 100.";

}  // namespace postern::posture::rules
