#include "gateway/config/tables/attributes.h"
#include "gateway/config/tables/tables.h"

namespace postern::gateway::config::tables {

Table endpoint_control_settings() {
  Table t;
  t.name = "endpoint-control settings";
  t.help = "How this gateway deals with endpoints and the EMSs that know them.";
  t.attributes = {
      toggle("override", "Connectors of this virtual domain's own: there is one domain.", false).inert(),
      number("certificate-record-hold",
             "Seconds for which the record of an endpoint that came through an access proxy is kept after its last "
             "session.",
             60, 86400)
          .by_default("600"),
      number("unknown-certificate-cache",
             "Seconds for which a certificate that no EMS knows is refused without asking them again.", 1, 300)
          .by_default("5"),
      number("certificate-queries-per-second",
             "Certificates not met yet about which the EMSs are asked each second; who comes beyond it is refused as "
             "unknown and may try again.",
             1, 10000)
          .by_default("500"),
  };
  return t;
}

}  // namespace postern::gateway::config::tables
