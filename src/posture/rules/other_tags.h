#pragma once
// Whether the endpoint has other tags: what rules that refer to tags are made of.
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "posture/rules/reading.h"
#include "posture/rules/tag_names.h"
#include "posture/tag_reference.h"

namespace postern::posture::rules {

struct TagReasons {
  Reason has, has_not, unknown;
  Reason missing;  ///< No tag is what it refers to.
};

class HasTag final : public Condition {
 public:
  HasTag(const std::string& name, std::optional<TagKind> kind, const TagReasons& reasons, std::string text)
      : reasons_(reasons), text_(std::move(text)) {
    keys_ = {tag_key(name, kind)};
  }
  Judgement judge(const FactView& facts) const override {
    const Fact* state = facts.find(keys_.front());
    if (state == nullptr) return {Verdict::kUnknown, &reasons_.missing};
    const bool* has = state->as<bool>();
    if (has == nullptr) return {Verdict::kUnknown, &reasons_.unknown};
    return *has ? Judgement{Verdict::kMatch, &reasons_.has} : Judgement{Verdict::kNoMatch, &reasons_.has_not};
  }
  std::string describe() const override { return text_; }

 private:
  const TagReasons& reasons_;
  std::string text_;
};

/// All or any of the parameter `tags`. `one` and `several` say what it asks, before the names. REQUIRES: `reasons` stay.
inline Result<std::unique_ptr<const Condition>> has_tags(const Parameters& parameters, Match otherwise,
                                                         std::optional<TagKind> kind, const TagReasons& reasons,
                                                         const std::string& one, const std::string& several) {
  const auto& tags = list_of(parameters, "tags");
  if (Status ok = check_tag_names(tags); !ok) return fail(ok.error());
  const Match match = match_of(parameters, otherwise);
  std::vector<std::unique_ptr<const Condition>> parts;
  for (const std::string& name : tags) parts.push_back(std::make_unique<HasTag>(name, kind, reasons, one + " " + name));
  if (parts.size() == 1) return std::move(parts.front());
  return std::make_unique<SetCondition>(match, std::move(parts), reasons.has, reasons.has_not,
                                        several + " " + in_words(tags, match));
}

}  // namespace postern::posture::rules
