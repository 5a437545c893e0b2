// agent-version {"op","version"}: which agent runs on the endpoint.
#include <fmt/format.h>

#include "posture/fact_keys.h"
#include "posture/quote.h"
#include "posture/rules/comparing.h"
#include "posture/rules/version_number.h"

namespace postern::posture::rules {
namespace agent_version_rule {
namespace {

constexpr Reason kHolds{"agent_version_matches", "the agent's version is one that is wanted"};
constexpr Reason kDiffers{"agent_version_differs", "the agent's version is none that is wanted"};
constexpr Reason kNotComparable{"version_not_comparable", "the version is not made of numbers alone"};

class AgentVersion final : public Condition {
 public:
  AgentVersion(Comparison comparison, VersionNumber version, std::string text)
      : comparison_(comparison), version_(std::move(version)), text_(std::move(text)) {
    keys_ = {std::string(keys::kAgentVersion)};
  }
  Judgement judge(const FactView& facts) const override {
    const Reason* why = nullptr;
    const auto* actual = read<std::string>(facts, keys::kAgentVersion, why);
    if (actual == nullptr) return {Verdict::kUnknown, why};
    const auto order = version_.compare_to(*actual);
    if (!order) return {Verdict::kUnknown, &kNotComparable};
    const bool holds = satisfies(comparison_, *order);
    return {verdict_of(holds), holds ? &kHolds : &kDiffers};
  }
  std::string describe() const override { return "the agent's version is " + text_; }

 private:
  Comparison comparison_;
  VersionNumber version_;
  std::string text_;
};

Result<std::unique_ptr<const Condition>> compile(const Parameters& parameters, OsFamily) {
  const std::string_view op = text_of(parameters, "op");
  const std::string_view version = text_of(parameters, "version");
  auto number = VersionNumber::parse(version);
  if (!number) {
    return invalid(fmt::format("version: {} must be numbers separated by dots, such as 7.4.2 or 1", posture::quoted(version)));
  }
  return std::make_unique<AgentVersion>(*parse_comparison(op), std::move(*number), fmt::format("{} {}", op, version));
}

}  // namespace
}  // namespace agent_version_rule

const RuleType& agent_version() {
  static const RuleType kType{
      .name = "agent-version",
      .title = "Agent Version",
      .help = "The version of the endpoint's agent, compared at the precision of the version given (1.4.2 is = 1.4 and not "
              "> 1.4).",
      .systems = {kAllOsFamilies.begin(), kAllOsFamilies.end()},
      .parameters = {{.name = "op",
                      .required = true,
                      .choices = {kComparisons.begin(), kComparisons.end()},
                      .help = "How the version compares."},
                     {.name = "version",
                      .required = true,
                      .max_bytes = 80,
                      .help = "Numbers separated by dots: 1, 7.4.2."}},
      .facts = {keys::kAgentVersion},
      .unknown = "Also where letters in the agent's version leave the comparison open.",
      .compile = agent_version_rule::compile};
  return kType;
}

}  // namespace postern::posture::rules
