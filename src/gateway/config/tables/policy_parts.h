#pragma once
// What the policy tables share.
#include "gateway/config/tables/attributes.h"

namespace postern::gateway::config::tables {

inline Attribute policy_id() { return number("policyid", "Number of the policy.", 1, 4294967294); }
inline Describe ztna_ems_tag() {
  return of_type("ztna-ems-tag", Type::kTag, "Tags that the endpoint must have (or, negated, must not have).").list();
}
inline Describe ztna_ems_tag_secondary() {
  return of_type("ztna-ems-tag-secondary", Type::kTag,
                 "A second group of tags: the condition holds where ztna-ems-tag and this one do.")
      .list();
}
inline Describe ztna_tags_match_logic() {
  return option("ztna-tags-match-logic", "Of several tags in one group: is one enough?",
                {{"or", "Any of them."}, {"and", "All of them."}})
      .by_default("or");
}
inline Describe ztna_ems_tag_negate() {
  return toggle("ztna-ems-tag-negate", "Turn the condition on tags round; unknown then counts as present.", false);
}
/// A second group alone would hold where the first, being empty, does not.
inline Status check_tag_groups(const ObjectView& o) {
  if (o.is_set("ztna-ems-tag-secondary") && !o.is_set("ztna-ems-tag")) {
    return fail(ErrorCode::kInvalidArgument, "ztna-ems-tag-secondary: needs a tag in ztna-ems-tag, too");
  }
  if (o.enabled("ztna-ems-tag-negate") && !o.is_set("ztna-ems-tag")) {
    return fail(ErrorCode::kInvalidArgument, "ztna-ems-tag-negate: enable needs a tag (set ztna-ems-tag <tag>)");
  }
  return {};
}
inline Describe policy_action() {
  return option("action", "What happens to what matches.", {{"accept", "It passes."}, {"deny", "It doesn't."}})
      .by_default("deny");
}
inline Describe policy_schedule() {
  return reference("schedule", "When the policy holds.",
                   {"firewall schedule recurring", "firewall schedule onetime", "firewall schedule group"})
      .by_default("always");
}
inline Describe policy_addresses(std::string name, std::string help) {
  return reference(std::move(name), std::move(help), {"firewall address", "firewall addrgrp"}).list();
}

}  // namespace postern::gateway::config::tables
