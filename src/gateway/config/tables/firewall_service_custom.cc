#include <algorithm>

#include "gateway/config/tables/attributes.h"
#include "gateway/config/tables/tables.h"

namespace postern::gateway::config::tables {
namespace {

Status check_service(const ObjectView& o) {
  const bool ports = o.is_set("tcp-portrange") || o.is_set("udp-portrange");
  const bool tcp_udp = o.text("protocol") == "TCP/UDP/SCTP";
  if (tcp_udp && !ports) {
    return fail(ErrorCode::kInvalidArgument, "tcp-portrange, udp-portrange: one of them is needed");
  }
  if (!tcp_udp && ports) {
    return fail(ErrorCode::kInvalidArgument, "tcp-portrange, udp-portrange: need protocol TCP/UDP/SCTP");
  }
  if (o.is_set("icmptype") && !o.text("protocol").starts_with("ICMP")) {
    return fail(ErrorCode::kInvalidArgument, "icmptype: needs protocol ICMP or ICMP6");
  }
  return {};
}

Object service(std::string key, std::map<std::string, Value, std::less<>> values) {
  Object o;
  o.key = std::move(key);
  o.values = std::move(values);
  return o;
}

struct Ports {
  const char* name;
  Value tcp, udp;
};

/// Under the names by which configurations of such gateways know them; ports as IANA's registry has them.
std::vector<Ports> well_known() {
  return {
      {"BGP", {"179"}, {}},
      {"DHCP", {}, {"67-68"}},
      {"DHCP6", {}, {"546-547"}},
      {"DNS", {"53"}, {"53"}},
      {"FTP", {"21"}, {}},
      {"HTTP", {"80"}, {}},
      {"HTTPS", {"443"}, {}},
      {"IKE", {}, {"500", "4500"}},
      {"IMAP", {"143"}, {}},
      {"IMAPS", {"993"}, {}},
      {"KERBEROS", {"88", "464"}, {"88", "464"}},
      {"L2TP", {"1701"}, {"1701"}},
      {"LDAP", {"389"}, {"389"}},
      {"LDAPS", {"636"}, {}},
      {"MS-SQL", {"1433-1434"}, {}},
      {"MYSQL", {"3306"}, {}},
      {"NFS", {"111", "2049"}, {"111", "2049"}},
      {"NTP", {"123"}, {"123"}},
      {"POP3", {"110"}, {}},
      {"POP3S", {"995"}, {}},
      {"PPTP", {"1723"}, {}},
      {"RADIUS", {}, {"1812-1813"}},
      {"RDP", {"3389"}, {"3389"}},
      {"RTSP", {"554"}, {"554"}},
      {"SAMBA", {"139"}, {}},
      {"SIP", {"5060"}, {"5060"}},
      {"SMB", {"445"}, {}},
      {"SMTP", {"25"}, {}},
      {"SMTPS", {"465"}, {}},
      {"SNMP", {"161-162"}, {"161-162"}},
      {"SSH", {"22"}, {}},
      {"SYSLOG", {}, {"514"}},
      {"TELNET", {"23"}, {}},
      {"TFTP", {}, {"69"}},
      {"VNC", {"5900"}, {}},
  };
}

}  // namespace

Table firewall_service_custom() {
  Table t;
  t.name = "firewall service custom";
  t.help = "Named services for policies.";
  t.key = text("name", "Name of the service.", 79, 1);
  t.attributes = {
      option("protocol", "What the service runs on.",
             {{"TCP/UDP/SCTP", "Ports of TCP and UDP (there is no SCTP here)."},
              {"ICMP", "ICMP and ICMPv6."},
              {"ICMP6", "ICMPv6."},
              {"IP", "Everything."}})
          .by_default("TCP/UDP/SCTP"),
      number("icmptype", "Type of message; without one: every type. With one, ICMP is not ICMPv6, too.", 0, 255),
      of_type("tcp-portrange", Type::kPortRange, "Ports of TCP.").list(),
      of_type("udp-portrange", Type::kPortRange, "Ports of UDP.").list(),
      text("comment", "Note.", 255),
  };
  t.check = check_service;
  t.built_in_grows = true;
  t.built_in = {
      service("ALL", {{"protocol", {"IP"}}}),
      service("ALL_ICMP", {{"protocol", {"ICMP"}}}),
      service("ALL_TCP", {{"tcp-portrange", {"1-65535"}}}),
      service("ALL_UDP", {{"udp-portrange", {"1-65535"}}}),
      service("ALL_ICMP6", {{"protocol", {"ICMP6"}}}),
      service("PING6", {{"protocol", {"ICMP6"}}, {"icmptype", {"128"}}}),
      service("PING", {{"protocol", {"ICMP"}}, {"icmptype", {"8"}}}),
  };
  for (const auto& [name, tcp, udp] : well_known()) {
    std::map<std::string, Value, std::less<>> values;
    if (!tcp.empty()) values["tcp-portrange"] = tcp;
    if (!udp.empty()) values["udp-portrange"] = udp;
    t.built_in.push_back(service(name, std::move(values)));
  }
  std::sort(t.built_in.begin(), t.built_in.end(), [](const Object& x, const Object& y) { return x.key < y.key; });
  return t;
}

}  // namespace postern::gateway::config::tables
