#include "gateway/config/tables/access_proxy_parts.h"

#include "base/ip.h"
#include "gateway/config/tables/attributes.h"

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
      number("weight", "Share of the requests.", 1, 255).by_default("1"),
      text("http-host", "Host header to send: the client's.", 253).inert(),
      toggle("health-check", "Ask the server whether it is well.", false).inert(),
      toggle("translate-host", "Rewrite host names in answers.", true).inert(),
  };
  t.check = [](const ObjectView& o) -> Status {
    const auto ip = IpAddress::parse(o.text("ip"));
    if (!ip || (!ip->is_unspecified() && !ip->is_multicast())) return {};
    return fail(ErrorCode::kInvalidArgument, "ip: " + ip->str() + " is not allowed; allowed: the address of one server");
  };
  return t;
}

Table api_gateway() {
  Table t;
  t.name = "api-gateway";
  t.help = "Which requests go to which servers.";
  t.key = number("id", "Number of the mapping.", 1, 65535);
  t.attributes = {
      text("url-map", "Pattern of the path.", 511, 1)
          .by_default("/")
          .allowing("1 to 511 characters of a path as it stands in requests, decoded: no space, no \" \\ % #, no //, "
                    "and * and ? "
                    "only with url-map-type wildcard"),
      option("url-map-type", "How the path is compared.",
             {{"sub-string", "The pattern occurs in it."},
              {"wildcard", "The pattern is the whole path: * is any run of characters, ? any one."}})
          .by_default("sub-string"),
      option("service", "Protocol to the servers.", {{"http", "HTTP."}}).by_default("http"),
      reference("virtual-host", "Host name; empty: every name.", {"firewall access-proxy-virtual-host"}),
      option("ldb-method", "How servers share the requests.",
             {{"weighted", "In turn, by weight."}, {"static", "By the client's address."}, {"round-robin", "In turn."}})
          .by_default("weighted")
          .inert(),
  };
  t.tables = {realservers()};
  t.check = [](const ObjectView& o) -> Status {
    const auto map = o.text("url-map");
    const bool wildcard = o.text("url-map-type") == "wildcard";
    if (map.find_first_of(wildcard ? " \"\\%#" : " \"\\%#?*") != map.npos || map.find("//") != map.npos) {
      return fail(ErrorCode::kInvalidArgument,
                  "url-map: \"" + map + "\" is not allowed; allowed: a path as it stands in requests, decoded" +
                      (wildcard ? ", with * and ?" : " (url-map-type wildcard takes * and ?)"));
    }
    return {};
  };
  return t;
}

}  // namespace

Table access_proxy_on(const std::string& vips) {
  Table t;
  t.key = text("name", "Name of the access proxy.", 79, 1);
  t.attributes = {
      reference("vip", "Virtual address at which it listens.", {vips}).must(),
      toggle("client-cert", "Ask for the client's certificate.", true),
      option(
          "empty-cert-action", "What to do with a client that shows no certificate.",
          {{"block", "Refuse it."},
           {"accept",
            "Let policies without tags decide. They let in whoever shows a certificate, too, also endpoints that are "
            "quarantined, offline or revoked: publish only what is for everybody, as pages for enrolling and mending."},
           {"accept-unmanageable",
            "Likewise, but only devices that can't be managed, by their User-Agent, and that show no certificate."}})
          .by_default("block"),
      toggle("user-agent-detect", "Tell by the User-Agent what can't be managed.", true).inert(),
      toggle("auth-portal", "Sign-in portal.", false).inert(),
      toggle("log-blocked-traffic", "Log refused requests: they always are.", true).inert(),
      text("comment", "Note.", 255),
  };
  t.tables = {api_gateway()};
  return t;
}

}  // namespace postern::gateway::config::tables
