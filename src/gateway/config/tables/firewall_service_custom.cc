#include "gateway/config/tables/attributes.h"
#include "gateway/config/tables/tables.h"

namespace postern::gateway::config::tables {
namespace {

Status check_service(const ObjectView& o) {
  const bool ports = o.is_set("tcp-portrange") || o.is_set("udp-portrange");
  const bool tcp_udp = o.text("protocol") == "TCP/UDP";
  if (tcp_udp && !ports) {
    return fail(ErrorCode::kInvalidArgument, "tcp-portrange, udp-portrange: one of them is needed");
  }
  if (!tcp_udp && ports) {
    return fail(ErrorCode::kInvalidArgument, "tcp-portrange, udp-portrange: need protocol TCP/UDP");
  }
  return {};
}

Object service(std::string key, std::map<std::string, Value, std::less<>> values) {
  Object o;
  o.key = std::move(key);
  o.values = std::move(values);
  return o;
}

}  // namespace

Table firewall_service_custom() {
  Table t;
  t.name = "firewall service custom";
  t.help = "Named services for policies.";
  t.key = text("name", "Name of the service.", 79, 1);
  t.attributes = {
      option("protocol", "What the service runs on.",
             {{"TCP/UDP", "Ports of TCP and UDP."}, {"ICMP", "ICMP and ICMPv6."}, {"IP", "Everything."}})
          .by_default("TCP/UDP"),
      of_type("tcp-portrange", Type::kPortRange, "Ports of TCP.").list(),
      of_type("udp-portrange", Type::kPortRange, "Ports of UDP.").list(),
      text("comment", "Note.", 255),
  };
  t.check = check_service;
  t.built_in = {
      service("ALL", {{"protocol", {"IP"}}}),
      service("ALL_ICMP", {{"protocol", {"ICMP"}}}),
      service("ALL_TCP", {{"tcp-portrange", {"1-65535"}}}),
      service("ALL_UDP", {{"udp-portrange", {"1-65535"}}}),
      service("DNS", {{"tcp-portrange", {"53"}}, {"udp-portrange", {"53"}}}),
      service("HTTP", {{"tcp-portrange", {"80"}}}),
      service("HTTPS", {{"tcp-portrange", {"443"}}}),
      service("PING", {{"protocol", {"ICMP"}}}),
      service("SSH", {{"tcp-portrange", {"22"}}}),
  };
  return t;
}

}  // namespace postern::gateway::config::tables
