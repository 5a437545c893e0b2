#include "gateway/config/tables/policy_parts.h"
#include "gateway/config/tables/tables.h"

namespace postern::gateway::config::tables {

Table firewall_policy() {
  Table t;
  t.name = "firewall policy";
  t.help = "What the gateway forwards between its interfaces. The first policy that matches decides; none: dropped.";
  t.key = policy_id();
  t.ordered = true;
  t.attributes = {
      toggle("status", "Whether the policy is in force.", true),
      text("name", "Name for people.", 35),
      of_type("srcintf", Type::kInterface, "Interfaces that traffic comes in by.").list().must(),
      of_type("dstintf", Type::kInterface, "Interfaces that traffic leaves by.").list().must(),
      policy_addresses("srcaddr", "Addresses that connections come from.").must(),
      policy_addresses("dstaddr", "Addresses that connections go to.").must(),
      reference("service", "Services.", {"firewall service custom", "firewall service group"}).list().must(),
      policy_schedule(),
      policy_action(),
      toggle("ztna-status", "Whether the policy looks at tags.", false),
      ztna_ems_tag(),
      ztna_ems_tag_secondary(),
      ztna_tags_match_logic(),
      ztna_ems_tag_negate(),
      toggle("nat", "Source address translation.", false).inert(),
      option("logtraffic", "What is logged.",
             {{"all", "Every connection."}, {"utm", "Nothing."}, {"disable", "Nothing."}})
          .by_default("utm")
          .inert(),
      text("comments", "Note.", 1023),
  };
  t.check = [](const ObjectView& o) -> Status {
    if (o.is_set("ztna-ems-tag") && !o.enabled("ztna-status")) {
      // Leaving the tags out of account would let through what the administrator meant to stop.
      return fail(ErrorCode::kInvalidArgument, "ztna-ems-tag: needs ztna-status enable");
    }
    if (o.enabled("ztna-status") && !o.is_set("ztna-ems-tag")) {
      return fail(ErrorCode::kInvalidArgument, "ztna-status: enable needs a tag (set ztna-ems-tag <tag>)");
    }
    return check_tag_groups(o);
  };
  return t;
}

}  // namespace postern::gateway::config::tables
