// crowdstrike-zta-score {"op","score"}: CrowdStrike's zero trust assessment of the endpoint.
#include "posture/rules/score.h"

namespace postern::posture::rules {
namespace crowdstrike_zta_score_rule {
namespace {

constexpr std::array<std::string_view, 5> kOps{"=", ">", "<", ">=", "<="};

Result<std::unique_ptr<const Condition>> compile(const Parameters& parameters, OsFamily) {
  const std::string_view op = text_of(parameters, "op");
  const auto score = integer_of(parameters, "score", 0);
  return std::make_unique<ScoreCondition>("crowdstrike", *parse_comparison(op), score,
                                          fmt::format("CrowdStrike's ZTA score is {} {}", op, score));
}

}  // namespace
}  // namespace crowdstrike_zta_score_rule

const RuleType& crowdstrike_zta_score() {
  static const RuleType kType{
      .name = "crowdstrike-zta-score",
      .title = "CrowdStrike ZTA Score",
      .help = "CrowdStrike's zero trust assessment of the endpoint, told through the API as the attribute "
              "score.crowdstrike.",
      .systems = {OsFamily::kWindows},
      .parameters = {{.name = "op",
                      .required = true,
                      .choices = {crowdstrike_zta_score_rule::kOps.begin(), crowdstrike_zta_score_rule::kOps.end()},
                      .help = "How the score compares."},
                     score_parameter()},
      .facts = {"ems.attribute:score.crowdstrike"},
      .unknown = kScoreUnknown,
      .compile = crowdstrike_zta_score_rule::compile};
  return kType;
}

}  // namespace postern::posture::rules
