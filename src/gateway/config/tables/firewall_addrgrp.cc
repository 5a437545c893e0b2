#include "gateway/config/tables/attributes.h"
#include "gateway/config/tables/tables.h"

namespace postern::gateway::config::tables {

Table firewall_addrgrp() {
  Table t;
  t.name = "firewall addrgrp";
  t.help = "Groups of addresses, for policies. Names are shared with firewall address.";
  t.key = text("name", "Name of the group.", 79, 1);
  t.attributes = {
      reference("member", "Addresses and groups that are in it.", {"firewall address", "firewall addrgrp"})
          .list()
          .must(),
      toggle("exclude", "Take addresses out of the group again.", false).inert(),
      text("comment", "Note.", 255),
  };
  return t;
}

}  // namespace postern::gateway::config::tables
