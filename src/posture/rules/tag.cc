// tag {"tags","match"}: the endpoint has other tags.
#include "posture/fact_keys.h"
#include "posture/rules/reading.h"
#include "posture/rules/tag_names.h"

namespace postern::posture::rules {
namespace tag_rule {
namespace {

constexpr Reason kHas{"tag_present", "the endpoint has the other tag"};
constexpr Reason kHasNot{"tag_absent", "the endpoint does not have the other tag"};
constexpr Reason kUnknown{"tag_unknown", "nobody knows whether the endpoint has the other tag"};
constexpr Reason kMissing{"tag_missing", "there is no tag of that name, or it is disabled"};
constexpr Match kOtherwise = Match::kAll;

class HasTag final : public Condition {
 public:
  explicit HasTag(const std::string& name) : text_("the endpoint has the tag " + name) {
    keys_ = {keys::with(keys::kTagPrefix, name)};
  }
  Judgement judge(const FactView& facts) const override {
    const Fact* state = facts.find(keys_.front());
    if (state == nullptr) return {Verdict::kUnknown, &kMissing};
    const bool* has = state->as<bool>();
    if (has == nullptr) return {Verdict::kUnknown, &kUnknown};
    return *has ? Judgement{Verdict::kMatch, &kHas} : Judgement{Verdict::kNoMatch, &kHasNot};
  }
  std::string describe() const override { return text_; }

 private:
  std::string text_;
};

Result<std::unique_ptr<const Condition>> compile(const Parameters& parameters, OsFamily) {
  const auto& tags = list_of(parameters, "tags");
  if (Status ok = check_tag_names(tags); !ok) return fail(ok.error());
  const Match match = match_of(parameters, kOtherwise);
  std::vector<std::unique_ptr<const Condition>> parts;
  for (const std::string& name : tags) parts.push_back(std::make_unique<HasTag>(name));
  if (parts.size() == 1) return std::move(parts.front());
  return std::make_unique<SetCondition>(match, std::move(parts), kHas, kHasNot,
                                        "the endpoint has the tags " + in_words(tags, match));
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
