#include "ems/core/kept_tags.h"

#include "posture/fact_keys.h"

namespace postern::ems {

void say_kept(posture::TagExplanation& why, const std::function<std::optional<std::string>(std::string_view tag)>& kept) {
  for (auto& rule : why.rules) {
    for (auto& reading : rule.facts) {
      if (!reading.key.starts_with(posture::keys::kTagPrefix)) continue;
      const auto* has = reading.fact ? reading.fact->as<bool>() : nullptr;
      if (has == nullptr || *has) continue;
      const auto name = std::string_view(reading.key).substr(posture::keys::kTagPrefix.size());
      const auto how = kept(name);
      if (!how) continue;
      reading.text += " by its rules; " + *how;
      rule.text += "; it is still said to have " + std::string(name) + " (" + *how +
                   "), but a rule that reads another tag goes by that one's rules";
    }
  }
}

}  // namespace postern::ems
