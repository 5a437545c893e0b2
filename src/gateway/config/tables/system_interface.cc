#include "gateway/config/tables/attributes.h"
#include "gateway/config/tables/tables.h"

namespace postern::gateway::config::tables {

Table system_interface() {
  Table t;
  t.name = "system interface";
  t.help = "Network interfaces: what people say of them. Addresses and states are the kernel's.";
  t.key = of_type("name", Type::kInterface, "The kernel's name of the interface.");
  t.attributes = {
      text("alias", "Name for people.", 25),
      option("role", "What the interface is used for.",
             {{"undefined", "Not said."},
              {"lan", "Endpoints are behind it."},
              {"wan", "The way to other networks."},
              {"dmz", "Servers are behind it."}})
          .by_default("undefined"),
      toggle("src-check", "Forward from it only what its source's route leads back out by it.", true),
      of_type("ip", Type::kSubnet, "Addresses, from the kernel.").list().live(),
      text("mac", "Hardware address, from the kernel.", 17).live(),
      option("status", "Is the link up, from the kernel.", {{"up", "Up, with carrier."}, {"down", "Down."}}).live(),
  };
  return t;
}

}  // namespace postern::gateway::config::tables
