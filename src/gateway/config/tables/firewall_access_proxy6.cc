#include "gateway/config/tables/access_proxy_parts.h"
#include "gateway/config/tables/tables.h"

namespace postern::gateway::config::tables {

Table firewall_access_proxy6() {
  Table t = access_proxy_on("firewall vip6");
  t.name = "firewall access-proxy6";
  t.help = "Access proxies at IPv6 addresses: HTTPS with client certificates in front of servers.";
  return t;
}

}  // namespace postern::gateway::config::tables
