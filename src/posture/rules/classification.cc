// classification {"tags","match"}: the endpoint has other tags, of the kind classification.
#include "posture/rules/other_tags.h"

namespace postern::posture::rules {
namespace classification_rule {
namespace {

constexpr TagReasons kReasons{{"classified", "the endpoint has the classification tag"},
                              {"not_classified", "the endpoint does not have the classification tag"},
                              {"classification_unknown", "nobody knows whether the endpoint has the classification tag"},
                              {"classification_missing", "there is no classification tag of that name, or it is disabled"}};
constexpr Match kOtherwise = Match::kAny;

Result<std::unique_ptr<const Condition>> compile(const Parameters& parameters, OsFamily) {
  return has_tags(parameters, kOtherwise, TagKind::kClassification, kReasons, "the endpoint is classified as",
                  "the endpoint is classified as");
}

}  // namespace
}  // namespace classification_rule

const RuleType& classification() {
  static const RuleType kType{
      .name = "classification",
      .title = "Classification",
      .help = "The endpoint has classification tags: those without rules that somebody gave it by hand, and others by their "
              "rules. It is the rule type tag for tags of one kind.",
      .systems = {kAllOsFamilies.begin(), kAllOsFamilies.end()},
      .parameters = {{.name = "tags",
                      .type = ParameterSpec::Type::kTexts,
                      .required = true,
                      .help = "Names of tags of the kind classification, by their case. That kind can't be changed while "
                              "such rules refer to the tag."},
                     match_parameter(classification_rule::kOtherwise)},
      .facts = {"tag:classification/<name>"},
      .unknown = "A tag that is unknown, that is disabled, that is of another kind, or that doesn't exist (yet, or any more).",
      .compile = classification_rule::compile};
  return kType;
}

}  // namespace postern::posture::rules
