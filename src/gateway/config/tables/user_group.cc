#include "gateway/config/tables/attributes.h"
#include "gateway/config/tables/tables.h"

namespace postern::gateway::config::tables {

Table user_group() {
  Table t;
  t.name = "user group";
  t.help = "Groups of users, for policies.";
  t.key = text("name", "Name of the group.", 35, 1);
  t.attributes = {
      option("group-type", "What is in it.", {{"firewall", "Users."}}).by_default("firewall"),
      reference("member", "Users that are in it.", {"user local"}).list().must(),
  };
  return t;
}

}  // namespace postern::gateway::config::tables
