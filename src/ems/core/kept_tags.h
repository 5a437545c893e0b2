#pragma once
// In an explanation: other tags that an endpoint is said to have although their rules no longer give them, because a
// loss_delay keeps them. Rules that read another tag go by its rules.
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "posture/explain.h"

namespace postern::ems {

/// Says so wherever a rule read such a tag. `kept`: by what and how long the endpoint keeps the tag of that name; none: its
/// rules say what the endpoint is said to have.
void say_kept(posture::TagExplanation& why, const std::function<std::optional<std::string>(std::string_view tag)>& kept);

}  // namespace postern::ems
