#pragma once
// What the policy tables share.
#include "gateway/config/tables/attributes.h"

namespace postern::gateway::config::tables {

inline Attribute policy_id() { return number("policyid", "Number of the policy.", 1, 65535); }
inline Describe ztna_ems_tag() {
  return of_type("ztna-ems-tag", Type::kTag, "Tags that the endpoint must have (or, negated, must not have).").list();
}
inline Describe ztna_tags_match_logic() {
  return option("ztna-tags-match-logic", "Of several tags: is one enough?",
                {{"or", "Any of them."}, {"and", "All of them."}})
      .by_default("or");
}
inline Describe ztna_ems_tag_negate() {
  return toggle("ztna-ems-tag-negate", "Turn the condition on tags round; unknown then counts as present.", false);
}
inline Describe policy_action() {
  return option("action", "What happens to what matches.", {{"accept", "It passes."}, {"deny", "It doesn't."}})
      .by_default("deny");
}
inline Describe policy_schedule() {
  return option("schedule", "When the policy holds.", {{"always", "Always."}}).by_default("always");
}

}  // namespace postern::gateway::config::tables
