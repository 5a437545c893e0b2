#include "base/ip.h"
#include "gateway/config/tables/tables.h"
#include "gateway/config/tables/vip_parts.h"

namespace postern::gateway::config::tables {

Table firewall_vip6() {
  Table t;
  t.name = "firewall vip6";
  t.help = "IPv6 addresses at which access proxies listen.";
  t.key = vip_name();
  t.attributes = vip_attributes("::");
  t.check = [](const ObjectView& o) -> Status {
    const auto ip = IpAddress::parse(o.text("extip"));
    if (ip && ip->is_v6()) return check_vip(o);
    return fail(ErrorCode::kInvalidArgument,
                "extip: \"" + o.text("extip") + "\" is not allowed; allowed: an IPv6 address (firewall vip takes IPv4)");
  };
  return t;
}

}  // namespace postern::gateway::config::tables
