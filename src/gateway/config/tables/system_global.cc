#include "gateway/config/model.h"
#include "gateway/config/tables/attributes.h"
#include "gateway/config/tables/tables.h"

namespace postern::gateway::config::tables {

Table system_global() {
  Table t;
  t.name = "system global";
  t.help = "What concerns the gateway as a whole.";
  t.attributes = {
      text("hostname", "Name of this gateway, shown in the prompt and to the EMS; without it the machine's.", 35),
      of_type("management-ip", Type::kHost, "Name or address under which this gateway's console is reached."),
      number("management-port", "Port of this gateway's console.", 1, 65535).by_default("443"),
      number("admin-sport", "Port of the REST API; 0: the one the program was started with.", 0, 65535).by_default("0"),
      reference("admin-server-cert", "Certificate that the REST API presents.", {"certificate local"})
          .by_default(std::string(kFactoryCertificate)),
      number("admintimeout", "Minutes after which an idle session of the REST API ends.", 1, 480).by_default("30"),
      toggle("rest-api-key-url-query", "Take API tokens in the address, too (?access_token=…).", true),
  };
  return t;
}

}  // namespace postern::gateway::config::tables
