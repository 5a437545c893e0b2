#include "gateway/config/tables/policy_parts.h"
#include "gateway/config/tables/tables.h"

namespace postern::gateway::config::tables {

Table firewall_proxy_policy() {
  Table t;
  t.name = "firewall proxy-policy";
  t.help = "Who may use which access proxy. The first policy that matches decides; none: refused.";
  t.key = policy_id();
  t.ordered = true;
  t.attributes = {
      toggle("status", "Whether the policy is in force.", true),
      text("name", "Name for people.", 35),
      option("proxy", "What the policy is for.", {{"access-proxy", "Access proxies."}}).by_default("access-proxy"),
      reference("access-proxy", "Access proxies that it is for.", {"firewall access-proxy"}).list(),
      reference("access-proxy6", "Access proxies at IPv6 addresses that it is for.", {"firewall access-proxy6"}).list(),
      of_type("srcintf", Type::kInterface, "Interfaces that clients come in by.").list().by_default("any"),
      policy_addresses("srcaddr", "Addresses that requests come from.").by_default("all"),
      policy_addresses("dstaddr", "Real servers that requests go to: an accept policy holds for a mapping (api-gateway) all of whose "
                                  "servers are within, a deny policy for one any of whose is.")
          .by_default("all"),
      reference("users", "Users one of whom must be signed in at the endpoint (or who is in one of the groups); empty: whoever.",
                {"user local"})
          .list(),
      reference("groups", "Groups of users, likewise.", {"user group"}).list(),
      ztna_ems_tag(),
      ztna_ems_tag_secondary(),
      ztna_tags_match_logic(),
      ztna_ems_tag_negate(),
      policy_action(),
      policy_schedule(),
      option("logtraffic", "What is logged.",
             {{"all", "Every decision."}, {"utm", "Refusals."}, {"disable", "Refusals, as always."}})
          .by_default("utm"),
      text("comments", "Note.", 1023),
  };
  t.check = [](const ObjectView& o) -> Status {
    if (!o.is_set("access-proxy") && !o.is_set("access-proxy6")) {
      return fail(ErrorCode::kInvalidArgument,
                  "access-proxy: is missing; allowed: a name in firewall access-proxy (or access-proxy6: in firewall "
                  "access-proxy6)");
    }
    return check_tag_groups(o);
  };
  return t;
}

}  // namespace postern::gateway::config::tables
