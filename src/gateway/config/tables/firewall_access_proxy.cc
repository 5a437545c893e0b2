#include "gateway/config/tables/access_proxy_parts.h"
#include "gateway/config/tables/tables.h"

namespace postern::gateway::config::tables {

Table firewall_access_proxy() {
  Table t = access_proxy_on("firewall vip");
  t.name = "firewall access-proxy";
  t.help = "Access proxies: HTTPS with client certificates in front of servers.";
  return t;
}

}  // namespace postern::gateway::config::tables
