// external-score {"provider","op","score"}: how another product rates the endpoint.
#include "posture/quote.h"
#include "posture/rules/score.h"

namespace postern::posture::rules {
namespace external_score_rule {
namespace {

constexpr std::size_t kMaxProvider = kMaxAttributeName - kScorePrefix.size();

Result<std::unique_ptr<const Condition>> compile(const Parameters& parameters, OsFamily) {
  const std::string_view provider = text_of(parameters, "provider");
  if (!valid_attribute_name(provider)) {
    return invalid(fmt::format("provider: {} is no provider's name; it has 1 to {} characters of a-z, 0-9, \".\", \"_\" and "
                               "\"-\"",
                               posture::quoted(provider), kMaxProvider));
  }
  const std::string_view op = text_of(parameters, "op");
  const auto score = integer_of(parameters, "score", 0);
  return std::make_unique<ScoreCondition>(provider, *parse_comparison(op), score,
                                          fmt::format("the score that {} gives is {} {}", provider, op, score));
}

}  // namespace
}  // namespace external_score_rule

const RuleType& external_score() {
  static const RuleType kType{
      .name = "external-score",
      .title = "External Score",
      .help = "Another product's score of the endpoint, told through the API as the attribute score.<provider>.",
      .systems = {kAllOsFamilies.begin(), kAllOsFamilies.end()},
      .parameters = {{.name = "provider",
                      .required = true,
                      .max_bytes = external_score_rule::kMaxProvider,
                      .help = "Whose score, such as sentinelone."},
                     {.name = "op",
                      .required = true,
                      .choices = {kComparisons.begin(), kComparisons.end()},
                      .help = "How the score compares."},
                     score_parameter()},
      .facts = {"ems.attribute:score.<provider>"},
      .unknown = kScoreUnknown,
      .compile = external_score_rule::compile};
  return kType;
}

}  // namespace postern::posture::rules
