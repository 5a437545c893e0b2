#pragma once
// The JSON form of a tag, as the REST API and `postern apply` take it:
//   {"name","kind","enabled","message","comment","on_unknown","loss_delay","rules":[{"id","os","type","negate","max_age",…}],"logic":{"linux":"1
//   and 2"}}
// Only "name" is required; the others default as TagDefinition does. A rule needs id, os and type.
#include <string>
#include <string_view>

#include "base/result.h"
#include "posture/tag.h"

namespace postern::posture {

inline constexpr std::size_t kMaxTagJsonBytes = 1024 * 1024;

/// Strict and complete: what it accepts, compile_tag accepts. Errors: kInvalidArgument naming the
/// rule, the field, the value and what is allowed; kResourceExhausted when larger than
/// kMaxTagJsonBytes.
Result<TagDefinition> parse_tag_json(std::string_view text);

/// One line, every member, in the order above; parse_tag_json(print_tag_json(x)) == x for every
/// valid x.
std::string print_tag_json(const TagDefinition& tag);

}  // namespace postern::posture
