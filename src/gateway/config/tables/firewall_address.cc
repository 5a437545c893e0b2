#include "base/ip.h"
#include "gateway/config/tables/attributes.h"
#include "gateway/config/tables/tables.h"

namespace postern::gateway::config::tables {
namespace {

Status check_address(const ObjectView& o) {
  const bool range = o.text("type") == "iprange";
  if (!range && !o.is_set("subnet")) {
    return fail(ErrorCode::kInvalidArgument,
                "subnet: is missing; allowed: \"10.0.1.0 255.255.255.0\", 10.0.1.0/24 or an IPv6 prefix "
                "(every address: use the built-in address all)");
  }
  if (!range) return {};
  const auto first = IpAddress::parse(o.text("start-ip"));
  const auto last = IpAddress::parse(o.text("end-ip"));
  if (!first || !last || first->is_v4() != last->is_v4() || *last < *first) {
    return fail(ErrorCode::kInvalidArgument,
                "start-ip and end-ip: must both be set, be of one family, and the first not be above the last");
  }
  return {};
}

}  // namespace

Table firewall_address() {
  Table t;
  t.name = "firewall address";
  t.help = "Named addresses for policies.";
  t.key = text("name", "Name of the address.", 79, 1);
  t.attributes = {
      option("type", "What kind of address it is.",
             {{"ipmask", "A network or a single address."}, {"iprange", "From one address to another."}})
          .by_default("ipmask"),
      of_type("subnet", Type::kSubnet, "The network; IPv4 or IPv6.").by_default("0.0.0.0 0.0.0.0"),
      of_type("start-ip", Type::kAddress, "First address of the range."),
      of_type("end-ip", Type::kAddress, "Last address of the range."),
      text("comment", "Note.", 255),
  };
  t.check = check_address;
  Object all;
  all.key = "all";  // both families, see AddressConfig
  t.built_in = {all};
  return t;
}

}  // namespace postern::gateway::config::tables
