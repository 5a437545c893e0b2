#include "ems/core/kept_tags.h"

#include "posture/tag_reference.h"

namespace postern::ems {

void say_kept(posture::TagExplanation& why, const std::function<std::optional<std::string>(std::string_view tag)>& kept) {
  for (auto& rule : why.rules) {
    for (auto& reading : rule.facts) {
      const auto tag = posture::referred_tag(reading.key);
      if (!tag) continue;
      const auto* has = reading.fact ? reading.fact->as<bool>() : nullptr;
      if (has == nullptr || *has) continue;
      const auto how = kept(tag->name);
      if (!how) continue;
      reading.text += " by its rules; " + *how;
      rule.text += "; it is still said to have " + std::string(tag->name) + " (" + *how +
                   "), but a rule that reads another tag goes by that one's rules";
    }
  }
}

}  // namespace postern::ems
