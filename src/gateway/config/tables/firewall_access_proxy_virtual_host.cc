#include "gateway/config/tables/attributes.h"
#include "gateway/config/tables/tables.h"

namespace postern::gateway::config::tables {

Table firewall_access_proxy_virtual_host() {
  Table t;
  t.name = "firewall access-proxy-virtual-host";
  t.help = "Host names that access proxies answer for.";
  t.key = text("name", "Name of the virtual host.", 79, 1);
  t.attributes = {
      text("host", "Pattern of the host name.", 253, 1)
          .must()
          .allowing("1 to 253 of the characters of a host name: ASCII letters and digits, - _ . : [ ], and with "
                    "host-type wildcard "
                    "* and ?"),
      option("host-type", "How the client's Host is compared.",
             {{"sub-string", "The pattern occurs in it."},
              {"wildcard", "The pattern is the whole name: * is any run of characters, ? any one."}})
          .by_default("sub-string"),
      reference("ssl-certificate", "Certificate to present: the virtual address's.", {"certificate local"}).inert(),
  };
  t.check = [](const ObjectView& o) -> Status {
    const auto host = o.text("host");
    const bool wildcard = o.text("host-type") == "wildcard";
    const std::string allowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.:[]";
    if (host.find_first_not_of(wildcard ? allowed + "*?" : allowed) != host.npos) {
      return fail(ErrorCode::kInvalidArgument,
                  "host: \"" + host + "\" is not allowed; allowed: a host name" +
                      (wildcard ? " with * and ?" : " (host-type wildcard takes * and ?)"));
    }
    return {};
  };
  return t;
}

}  // namespace postern::gateway::config::tables
