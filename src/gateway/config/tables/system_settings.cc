#include "gateway/config/tables/attributes.h"
#include "gateway/config/tables/tables.h"

namespace postern::gateway::config::tables {

Table system_settings() {
  Table t;
  t.name = "system settings";
  t.help = "How the gateway forwards.";
  t.attributes = {
      toggle("strict-src-check",
             "Forward only what comes in by the interface that the best route to its source leads out by. Otherwise also "
             "what comes in by one with a default route.",
             false),
      toggle("asymroute", "Forward without looking at where a source is routed to, and at connections.", false).inert(),
  };
  return t;
}

}  // namespace postern::gateway::config::tables
