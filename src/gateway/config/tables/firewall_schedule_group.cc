#include "gateway/config/tables/attributes.h"
#include "gateway/config/tables/tables.h"

namespace postern::gateway::config::tables {

Table firewall_schedule_group() {
  Table t;
  t.name = "firewall schedule group";
  t.help = "Schedules together: the group holds while any of them does. Names are shared by all schedules.";
  t.key = text("name", "Name of the group.", 35, 1);
  t.attributes = {
      reference("member", "Schedules that are in it.", {"firewall schedule recurring", "firewall schedule onetime"})
          .list()
          .must(),
  };
  return t;
}

}  // namespace postern::gateway::config::tables
