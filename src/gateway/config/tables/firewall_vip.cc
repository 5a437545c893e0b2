#include "gateway/config/tables/vip_parts.h"
#include "gateway/config/tables/tables.h"

namespace postern::gateway::config::tables {

Table firewall_vip() {
  Table t;
  t.name = "firewall vip";
  t.help = "Addresses at which access proxies listen.";
  t.key = vip_name();
  t.attributes = vip_attributes("0.0.0.0");
  t.check = check_vip;
  return t;
}

}  // namespace postern::gateway::config::tables
