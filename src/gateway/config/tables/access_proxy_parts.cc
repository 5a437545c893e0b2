#include "gateway/config/tables/access_proxy_parts.h"

#include <algorithm>
#include <optional>

#include "base/ip.h"
#include "base/text.h"
#include "gateway/config/tables/attributes.h"
#include "gateway/config/tls_version.h"
#include "gateway/forward/destinations.h"
#include "policy/regex.h"

namespace postern::gateway::config::tables {
namespace {

/// What can stand in a Host header.
Status check_http_host(const std::string& host) {
  const auto end = host.starts_with('[') ? host.find(']') : std::size_t{0};
  const auto colon = end == host.npos ? host.npos : host.find(':', end);
  const auto name = host.substr(0, colon);
  const bool bracketed = name.size() > 2 && name.front() == '[' && name.back() == ']' &&
                         IpAddress::parse(name.substr(1, name.size() - 2)).value_or(IpAddress()).is_v6();
  const bool plain = std::all_of(name.begin(), name.end(), [](unsigned char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_';
  });
  bool port = true;
  if (colon != host.npos) {
    const auto number = parse_u64(host.substr(colon + 1));
    port = number && *number >= 1 && *number <= 65535;
  }
  if (host.empty() || ((bracketed || (plain && !name.empty() && name.front() != '.')) && port)) return {};
  return fail(ErrorCode::kInvalidArgument,
              "http-host: \"" + host + "\" is not allowed; allowed: a host name or address, and a port behind it, such as "
              "app.internal or app.internal:8080");
}

/// Longer names would not be whole where sessions are listed and logged.
constexpr std::size_t kMaxDomain = 72;

/// Whether it says where the server is.
Status check_named(const ObjectView& o) {
  const auto bad = [](std::string what) { return fail(ErrorCode::kInvalidArgument, std::move(what)); };
  const bool by_name = o.text("addr-type") == "fqdn";
  if (by_name && !host_name_sound(to_lower(o.text("domain"))))
    return bad("domain: \"" + o.text("domain") + "\" is not allowed; allowed: with addr-type fqdn, a host's full name such as db.example");
  const auto domain = '.' + to_lower(o.text("domain"));
  if (by_name && domain.ends_with(".localhost"))
    return bad("domain: \"" + o.text("domain") + "\" is not allowed: it is the gateway itself; allowed: another host's full name such as db.example");
  if (by_name && (o.is_set("ip") || o.is_set("address")))
    return bad("ip, address: are for addr-type ip; allowed: with addr-type fqdn, domain alone");
  if (!by_name && o.is_set("domain")) return bad("domain: is for addr-type fqdn; set addr-type fqdn first");
  if (!by_name && !o.is_set("ip") && !o.is_set("address"))
    return bad("ip: is missing; allowed: an IPv4 or IPv6 address");
  if (o.text("address") == "all")
    return bad("address: all is not allowed; allowed: an address or group of the hosts that are to be reached");
  return {};
}

Table realservers() {
  Table t;
  t.name = "realservers";
  t.help = "Servers behind the access proxy.";
  t.key = number("id", "Number of the server.", 1, 65535);
  t.attributes = {
      option("addr-type", "How the server is named.",
             {{"ip", "By address."}, {"fqdn", "By domain, with service tcp-forwarding."}})
          .by_default("ip"),
      of_type("ip", Type::kAddress, "Address of the server."),
      number("port", "Port of the server.", 1, 65535).by_default("443"),
      reference("address", "With service tcp-forwarding: the addresses that may be asked for, beside ip.",
                {"firewall address", "firewall addrgrp"}),
      text("domain", "With service tcp-forwarding and addr-type fqdn: the host's name, which the gateway looks up.", kMaxDomain),
      of_type("mappedport", Type::kPortRange, "With service tcp-forwarding: the ports that may be asked for, such as 22 or "
                                              "5432-5440; none: port.")
          .list(),
      option("status", "Whether the server takes requests.",
             {{"active", "It does."}, {"standby", "While no active one is alive."}, {"disable", "It doesn't."}})
          .by_default("active"),
      number("weight", "Share of the requests.", 1, 255).by_default("1"),
      toggle("verify-cert",
             "With service https: the server's certificate must be vouched for and be for the name that the client asked "
             "for, or for the http-host that is sent. The same for all servers of one mapping.",
             true),
      text("http-host",
           "Host name by which the server knows the application, with a port if need be. With ldb-method http-host, the host "
           "whose requests it takes.",
           253),
      toggle("translate-host",
             "With http-host: requests are sent with it as their host, and Location and cookies that name it are "
             "translated back to the client's host. Otherwise, health checks alone use http-host.",
             true),
      toggle("health-check", "Ask the server every 5 seconds whether it is well; while it isn't, it takes no requests.", false),
      option("health-check-proto", "With health-check: how it is asked.",
             {{"ping", "It answers a ping."},
              {"http", "It answers GET / with a status below 500."},
              {"tcp-connect", "It takes connections; with service https, it makes the handshake."}})
          .by_default("ping"),
      toggle("holddown-interval",
             "With health-check: a server that comes back takes requests only after 30 seconds of being well.", true),
  };
  t.check = [](const ObjectView& o) -> Status {
    if (auto sound = check_http_host(o.text("http-host")); !sound) return sound;
    if (auto named = check_named(o); !named) return named;
    const auto ip = IpAddress::parse(o.text("ip"));
    if (!ip || (!ip->is_unspecified() && !ip->is_multicast())) return {};
    return fail(ErrorCode::kInvalidArgument, "ip: " + ip->str() + " is not allowed; allowed: the address of one server");
  };
  return t;
}

Describe versions(std::string name, std::string help) {
  return option(std::move(name), std::move(help),
                {{"tls-1.0", "TLS 1.0."}, {"tls-1.1", "TLS 1.1."}, {"tls-1.2", "TLS 1.2."}, {"tls-1.3", "TLS 1.3."}});
}

/// What only one kind of service knows.
Status check_forwarding(const ObjectView& o) {
  const bool forwards = o.text("service") == "tcp-forwarding";
  for (const auto& server : o.entries("realservers")) {
    for (const auto* name : {"address", "domain", "mappedport"}) {
      if (forwards || !server.is_set(name)) continue;
      return fail(ErrorCode::kInvalidArgument, "realservers " + server.key() + ": " + name +
                                                   ": is not allowed; allowed: with service tcp-forwarding only (the others "
                                                   "take ip and port)");
    }
    // What each address of a range is asked for is the client's to say: there is nothing to choose, nor to ask after.
    const bool plain = server.text("status") != "standby" && !server.enabled("health-check") && server.text("http-host").empty() &&
                       server.integer("weight") == 1;
    if (forwards && !plain) {
      return fail(ErrorCode::kInvalidArgument, "realservers " + server.key() +
                                                   ": status standby, weight, http-host and health-check: are not allowed with "
                                                   "service tcp-forwarding; allowed: status active or disable");
    }
  }
  return {};
}

/// What is said of TLS to the servers of a mapping.
Status check_tls(const ObjectView& o) {
  if (tls_version(o.text("ssl-min-version")) > tls_version(o.text("ssl-max-version"))) {
    return fail(ErrorCode::kInvalidArgument, "ssl-min-version: " + o.text("ssl-min-version") +
                                                 " is not allowed; allowed: a version up to ssl-max-version, " +
                                                 o.text("ssl-max-version"));
  }
  // One request goes to any of them: nginx asks all of them for the same.
  std::optional<bool> verified;
  for (const auto& server : o.entries("realservers")) {
    if (server.text("status") == "disable") continue;
    const bool this_one = server.enabled("verify-cert");
    if (verified.value_or(this_one) != this_one && o.text("service") == "https") {
      return fail(ErrorCode::kInvalidArgument, "realservers " + server.key() +
                                                   ": verify-cert: is not what the servers before it have; allowed: the "
                                                   "same for all active servers of one api-gateway");
    }
    verified = this_one;
  }
  return {};
}

/// Requests are made before it is known which server takes them: what they say has to be for all.
Status check_hosts(const ObjectView& o) {
  const bool by_host = o.text("ldb-method") == "http-host";
  std::optional<std::string> sent;
  for (const auto& server : o.entries("realservers")) {
    if (server.text("status") == "disable") continue;
    const auto host = to_lower(server.text("http-host"));
    if (by_host && host.empty()) {
      return fail(ErrorCode::kInvalidArgument, "realservers " + server.key() +
                                                   ": http-host: is missing; with ldb-method http-host each server needs the "
                                                   "host whose requests it takes");
    }
    const auto this_one = server.enabled("translate-host") ? host : std::string();
    if (!by_host && sent.value_or(this_one) != this_one) {
      return fail(ErrorCode::kInvalidArgument,
                  "realservers " + server.key() +
                      ": http-host: is not what the servers before it have; allowed: the same http-host for all active and "
                      "standby servers of one api-gateway (or translate-host disable), or ldb-method http-host");
    }
    sent = this_one;
  }
  return {};
}

Table api_gateway() {
  Table t;
  t.name = "api-gateway";
  t.help = "Which requests go to which servers.";
  t.key = number("id", "Number of the mapping.", 1, 65535);
  t.attributes = {
      text("url-map", "Pattern of the path. Of several mappings that match, those with a virtual host go first, then the longest "
                      "pattern.",
           511, 1)
          .by_default("/")
          .allowing("1 to 511 characters of a path as it stands in requests, decoded: no space, no \" \\ % #, no //, "
                    "and * and ? only with url-map-type wildcard; with url-map-type regex, a regular expression as PCRE "
                    "reads it, without \\1, \\b and (?=) and their like"),
      option("url-map-type", "How the path is compared.",
             {{"sub-string", "The pattern occurs in it."},
              {"wildcard", "The pattern is the whole path: * is any run of characters, ? any one."},
              {"regex", "The regular expression matches somewhere in it; ^ is its beginning, $ its end."}})
          .by_default("sub-string"),
      option("service", "Protocol to the servers.",
             {{"http", "HTTP."},
              {"https", "HTTP over TLS; the server is told the name that the client asked for."},
              {"tcp-forwarding",
               "TCP, carried for the agent's ZTNA destinations: to any of the real servers that the client names."}})
          .by_default("http"),
      versions("ssl-min-version",
               "With service https: the lowest version of TLS to the servers. Below tls-1.2 ciphers and keys that are "
               "known to be weak are taken from them, too.")
          .by_default("tls-1.2"),
      versions("ssl-max-version", "With service https: the highest version of TLS to the servers.").by_default("tls-1.3"),
      reference("server-ca",
                "With service https: who vouches for the servers' certificates, a CA's certificate or a server's own, "
                "self-signed; empty: the CAs that this machine trusts.",
                {"certificate remote"}),
      reference("virtual-host", "Host name; empty: every name.", {"firewall access-proxy-virtual-host"}),
      option("ldb-method", "How servers share the requests. In turn, each of nginx's workers counts for itself.",
             {{"weighted", "In turn, by weight."},
              {"static", "By the client's address: each client stays with its server while that is alive."},
              {"round-robin", "In turn, whatever the weight."},
              {"first-alive", "The first of the list that is alive takes all."},
              {"http-host", "Those whose http-host is the host of the request, by weight."}})
          .by_default("weighted"),
  };
  t.tables = {realservers()};
  t.check = [](const ObjectView& o) -> Status {
    if (auto sound = check_tls(o); !sound) return sound;
    if (auto sound = check_hosts(o); !sound) return sound;
    if (auto sound = check_forwarding(o); !sound) return sound;
    const auto map = o.text("url-map");
    if (o.text("url-map-type") == "regex") {
      std::size_t work = policy::kRegexWork;
      if (const auto program = policy::compile_regex(map, work); !program)
        return fail(program.error().context("url-map: \"" + map + "\" is not a regular expression that is taken"));
      return {};
    }
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
