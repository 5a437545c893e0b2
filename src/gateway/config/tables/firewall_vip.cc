#include "gateway/config/model.h"
#include "gateway/config/tables/attributes.h"
#include "gateway/config/tables/tables.h"

namespace postern::gateway::config::tables {

Table firewall_vip() {
  Table t;
  t.name = "firewall vip";
  t.help = "Addresses at which access proxies listen.";
  t.key = text("name", "Name of the virtual address.", 79, 1);
  t.attributes = {
      option("type", "What the address is for.", {{"access-proxy", "An access proxy."}}).by_default("access-proxy"),
      of_type("extip", Type::kAddress, "Address to listen at; 0.0.0.0: every address.").by_default("0.0.0.0"),
      of_type("extintf", Type::kInterface, "Interface to listen at: extip tells.").by_default("any").inert(),
      option("server-type", "Protocol towards clients.", {{"https", "HTTPS."}}).by_default("https"),
      number("extport", "Port to listen at.", 1, 65535).by_default("443"),
      reference("ssl-certificate", "Certificate to present.", {"certificate local"})
          .by_default(std::string(kFactoryCertificate)),
      text("comment", "Note.", 255),
  };
  return t;
}

}  // namespace postern::gateway::config::tables
