#include "gateway/config/tables/attributes.h"
#include "gateway/config/tables/tables.h"

namespace postern::gateway::config::tables {

Table firewall_access_proxy_virtual_host() {
  Table t;
  t.name = "firewall access-proxy-virtual-host";
  t.help = "Host names that access proxies answer for.";
  t.key = text("name", "Name of the virtual host.", 79, 1);
  t.attributes = {
      text("host", "Host name, or with host-type wildcard a name that begins with \"*.\".", 253, 1).must(),
      option("host-type", "How the client's Host is compared.",
             {{"sub-string", "It must equal `host`."}, {"wildcard", "`*.` stands for one or more labels."}})
          .by_default("sub-string"),
      reference("ssl-certificate", "Certificate to present for this name; empty: the virtual address's.",
                {"certificate local"}),
  };
  t.check = [](const ObjectView& o) -> Status {
    const auto host = o.text("host");
    const bool wildcard = o.text("host-type") == "wildcard";
    const auto name = wildcard && host.starts_with("*.") ? host.substr(2) : host;
    if (name.empty() || name.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.:[]") !=
                            name.npos) {
      return fail(ErrorCode::kInvalidArgument, "host: \"" + host + "\" is not allowed; allowed: a host name" +
                                                   (wildcard ? ", \"*.\" in front" : ""));
    }
    return {};
  };
  return t;
}

}  // namespace postern::gateway::config::tables
