#include "gateway/config/tables/attributes.h"
#include "gateway/config/tables/tables.h"

namespace postern::gateway::config::tables {

Table log_setting() {
  Table t;
  t.name = "log setting";
  t.help = "What is logged, and how much of it is kept.";
  t.attributes = {
      toggle("user-anonymize", "Leave host names and UIDs of endpoints out of the traffic log.", false),
      number("max-log-file-size", "MiB after which the traffic log begins anew; the file before it is kept.", 1, 4096)
          .by_default("64"),
      toggle("rest-api-set", "Log each request to the REST API that changes something.", false),
      toggle("rest-api-get", "Log each request to the REST API that reads.", false),
      toggle("fwpolicy-implicit-log", "Log what no firewall policy takes.", false).inert(),
      toggle("local-in-allow", "Log connections to the gateway itself.", false).inert(),
      toggle("resolve-ip", "Look names up for addresses.", false).inert(),
      toggle("syslog-override", "Send logs elsewhere.", false).inert(),
  };
  return t;
}

}  // namespace postern::gateway::config::tables
