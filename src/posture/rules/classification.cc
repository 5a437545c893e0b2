// classification {"tags","match"}: what somebody gave the endpoint by hand.
#include "posture/fact_keys.h"
#include "posture/rules/listing.h"
#include "posture/rules/tag_names.h"

namespace postern::posture::rules {
namespace classification_rule {
namespace {

constexpr Reason kGiven{"classified", "it was given to the endpoint by hand"};
constexpr Reason kNotGiven{"not_classified", "nobody gave it to the endpoint"};
constexpr Match kOtherwise = Match::kAny;

Result<std::unique_ptr<const Condition>> compile(const Parameters& parameters, OsFamily) {
  const auto& tags = list_of(parameters, "tags");
  if (Status ok = check_tag_names(tags); !ok) return fail(ok.error());
  const Match match = match_of(parameters, kOtherwise);
  return std::make_unique<ListCondition>(
      keys::kEmsClassifications, tags, match, [](std::string_view a, std::string_view b) { return a == b; }, kGiven, kNotGiven,
      "the endpoint is classified as " + in_words(tags, match));
}

}  // namespace
}  // namespace classification_rule

const RuleType& classification() {
  static const RuleType kType{
      .name = "classification",
      .title = "Classification",
      .help = "Classification tags that somebody gave the endpoint by hand, whatever has become of the tag since: also while "
              "it is disabled, of another kind, or has rules. What the tag says now is the rule type tag's.",
      .systems = {kAllOsFamilies.begin(), kAllOsFamilies.end()},
      .parameters = {{.name = "tags",
                      .type = ParameterSpec::Type::kTexts,
                      .required = true,
                      .help = "Names of classification tags, by their case."},
                     match_parameter(classification_rule::kOtherwise)},
      .facts = {keys::kEmsClassifications},
      .compile = classification_rule::compile};
  return kType;
}

}  // namespace postern::posture::rules
