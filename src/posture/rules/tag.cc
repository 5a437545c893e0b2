// tag {"tags","match"}: the endpoint has other tags.
#include "posture/rules/other_tags.h"

namespace postern::posture::rules {
namespace tag_rule {
namespace {

constexpr TagReasons kReasons{{"tag_present", "the endpoint has the other tag"},
                              {"tag_absent", "the endpoint does not have the other tag"},
                              {"tag_unknown", "nobody knows whether the endpoint has the other tag"},
                              {"tag_missing", "there is no tag of that name, or it is disabled"}};
constexpr Match kOtherwise = Match::kAll;

Result<std::unique_ptr<const Condition>> compile(const Parameters& parameters, OsFamily) {
  return has_tags(parameters, kOtherwise, std::nullopt, kReasons, "the endpoint has the tag", "the endpoint has the tags");
}

}  // namespace
}  // namespace tag_rule

const RuleType& tag() {
  static const RuleType kType{
      .name = "tag",
      .title = "Tag",
      .help = "The endpoint has other tags. Tags must not refer to one another in a circle.",
      .systems = {kAllOsFamilies.begin(), kAllOsFamilies.end()},
      .parameters = {{.name = "tags",
                      .type = ParameterSpec::Type::kTexts,
                      .required = true,
                      .help = "Names of tags of any kind, by their case."},
                     match_parameter(tag_rule::kOtherwise)},
      .facts = {"tag:<name>"},
      .unknown = "A tag that is unknown, that is disabled, or that doesn't exist (yet, or any more).",
      .compile = tag_rule::compile};
  return kType;
}

}  // namespace postern::posture::rules
