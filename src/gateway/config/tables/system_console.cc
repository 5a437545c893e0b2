#include "gateway/config/tables/attributes.h"
#include "gateway/config/tables/tables.h"

namespace postern::gateway::config::tables {

Table system_console() {
  Table t;
  t.name = "system console";
  t.help = "How the command line behaves on a terminal.";
  t.attributes = {
      option("output", "Long output on a terminal.",
             {{"standard", "Runs through."}, {"more", "Stops at each page (--More--)."}})
          .by_default("more"),
  };
  return t;
}

}  // namespace postern::gateway::config::tables
