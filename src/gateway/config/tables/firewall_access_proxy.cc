#include "gateway/config/tables/attributes.h"
#include "gateway/config/tables/tables.h"

namespace postern::gateway::config::tables {
namespace {

Table realservers() {
  Table t;
  t.name = "realservers";
  t.help = "Servers behind the access proxy.";
  t.key = number("id", "Number of the server.", 1, 65535);
  t.attributes = {
      option("addr-type", "How the server is named.", {{"ip", "By address."}}).by_default("ip"),
      of_type("ip", Type::kAddress, "Address of the server.").must(),
      number("port", "Port of the server.", 1, 65535).by_default("443"),
      option("status", "Whether the server takes requests.",
             {{"active", "It does."}, {"disable", "It doesn't."}})
          .by_default("active"),
      text("http-host", "Host header to send; empty: the client's.", 253),
      number("weight", "Share of the requests.", 1, 255).by_default("1").inert(),
      toggle("health-check", "Ask the server whether it is well.", false).inert(),
      toggle("translate-host", "Rewrite host names in answers.", true).inert(),
  };
  return t;
}

Table api_gateway() {
  Table t;
  t.name = "api-gateway";
  t.help = "Which requests go to which servers.";
  t.key = number("id", "Number of the mapping.", 1, 65535);
  t.attributes = {
      text("url-map", "Beginning of the path.", 511, 1).by_default("/"),
      option("url-map-type", "How the path is compared.", {{"sub-string", "It must begin so."}})
          .by_default("sub-string"),
      option("service", "Protocol to the servers.", {{"http", "HTTP."}, {"https", "HTTPS."}}).by_default("https"),
      reference("virtual-host", "Host name; empty: every name.", {"firewall access-proxy-virtual-host"}),
      option("ldb-method", "How servers share the requests.",
             {{"static", "By the client's address."}, {"round-robin", "In turn."}})
          .by_default("static")
          .inert(),
  };
  t.tables = {realservers()};
  t.check = [](const ObjectView& o) -> Status {
    const auto map = o.text("url-map");
    if (!map.starts_with('/') || map.find_first_of(" ;{}\"'\\%?#") != map.npos || map.find("//") != map.npos ||
        (map + "/").find("/../") != map.npos || (map + "/").find("/./") != map.npos) {
      return fail(ErrorCode::kInvalidArgument,
                  "url-map: \"" + map + "\" is not allowed; allowed: a plain path that begins with /");
    }
    return {};
  };
  return t;
}

}  // namespace

Table firewall_access_proxy() {
  Table t;
  t.name = "firewall access-proxy";
  t.help = "Access proxies: HTTPS with client certificates in front of servers.";
  t.key = text("name", "Name of the access proxy.", 79, 1);
  t.attributes = {
      reference("vip", "Virtual address at which it listens.", {"firewall vip"}).must(),
      toggle("client-cert", "Ask for the client's certificate.", true),
      option("empty-cert-action", "What to do with a client that shows no certificate.",
             {{"block", "Refuse it."}, {"accept", "Let policies decide: it has no tag."}})
          .by_default("block"),
      toggle("user-agent-detect", "Tell devices by their User-Agent: anybody can write one, so this has no effect.",
             false)
          .inert(),
      toggle("auth-portal", "Sign-in portal.", false).inert(),
      toggle("log-blocked-traffic", "Log refused requests: they always are.", true).inert(),
  };
  t.tables = {api_gateway()};
  return t;
}

}  // namespace postern::gateway::config::tables
