#include "gateway/config/tables/attributes.h"
#include "gateway/config/tables/tables.h"

namespace postern::gateway::config::tables {

Table firewall_service_group() {
  Table t;
  t.name = "firewall service group";
  t.help = "Groups of services, for policies. Names are shared with firewall service custom.";
  t.key = text("name", "Name of the group.", 79, 1);
  t.attributes = {
      reference("member", "Services and groups that are in it.", {"firewall service custom", "firewall service group"})
          .list()
          .must(),
      text("comment", "Note.", 255),
  };
  return t;
}

}  // namespace postern::gateway::config::tables
