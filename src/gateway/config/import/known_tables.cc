// Tables of the source: what they are called here, and what there is instead of those that are not.
#include "gateway/config/import/known.h"

#include <algorithm>
#include <iterator>

namespace postern::gateway::config::fortios {
namespace {

struct TableName {
  std::string_view source, ours;
};
constexpr TableName kRenamedTables[] = {
    {"vpn certificate local", "certificate local"},
    {"vpn certificate remote", "certificate remote"},
    {"firewall address6", "firewall address"},
    {"firewall addrgrp6", "firewall addrgrp"},
};

struct TableReason {
  std::string_view prefix;  ///< The whole name, or its first words.
  std::string_view why;
};
constexpr TableReason kTableReasons[] = {
    {"vpn certificate ca", "there is no such table: an EMS is trusted by its fingerprint (execute fctems verify), "
                           "clients by the CA that the EMS tells"},
    {"vpn certificate", "there is no such table; certificates stand in certificate local"},
    {"vpn ", "this gateway has no VPN"},
    {"router ", "there is no such table: routes are the kernel's (ip route)"},
    {"system zone", "there are no zones: policies name interfaces"},
    {"system sdwan", "there is no SD-WAN: routes are the kernel's"},
    {"system virtual-wan-link", "there is no SD-WAN: routes are the kernel's"},
    {"system dns", "there is no such table: names are resolved as the machine does (/etc/resolv.conf)"},
    {"system ntp", "there is no such table: the machine keeps the time (timedatectl)"},
    {"system dhcp", "this gateway is no DHCP server"},
    {"system ha", "there is no such table: gateways don't share a configuration"},
    {"system accprofile", "there are no access profiles of one's own"},
    {"system snmp", "there is no SNMP"},
    {"system replacemsg", "the pages that users see are this gateway's own"},
    {"system csf", "there is no security fabric: each gateway has its own connector to the EMS"},
    {"user ", "users and groups are not asked here: a policy asks for the endpoint's tags"},
    {"authentication ", "users are not asked here"},
    {"antivirus ", "contents are not inspected here"},
    {"application ", "contents are not inspected here"},
    {"dlp ", "contents are not inspected here"},
    {"dnsfilter ", "contents are not inspected here"},
    {"emailfilter ", "contents are not inspected here"},
    {"file-filter ", "contents are not inspected here"},
    {"icap ", "contents are not inspected here"},
    {"ips ", "contents are not inspected here"},
    {"waf ", "contents are not inspected here"},
    {"webfilter ", "contents are not inspected here"},
    {"videofilter ", "contents are not inspected here"},
    {"firewall profile-", "contents are not inspected here"},
    {"firewall ssl-ssh-profile", "contents are not inspected here"},
    {"firewall internet-service", "there are no internet services: addresses stand in firewall address"},
    {"firewall ippool", "source addresses are not translated here"},
    {"firewall central-snat-map", "source addresses are not translated here"},
    {"firewall local-in-policy", "what reaches this machine itself is its own firewall's matter"},
    {"firewall shaper", "traffic is not shaped here"},
    {"firewall shaping", "traffic is not shaped here"},
    {"firewall service category", "services have no categories here"},
    {"firewall wildcard-fqdn", "addresses by name are not taken: a name says nothing of who answers"},
    {"firewall vipgrp", "there are no groups of virtual addresses"},
    {"ztna ", "there is no such table in this version: access proxies stand in firewall access-proxy"},
    {"log fortianalyzer", "there is no such table: the traffic log is a file of the gateway's data directory"},
    {"log syslogd", "there is no such table: the traffic log is a file of the gateway's data directory"},
    {"log ", "there is no such table: the traffic log is a file of the gateway's data directory"},
    {"wireless-controller", "there are no wireless networks here"},
    {"switch-controller", "there are no switches here"},
};

}  // namespace

std::string_view our_table(std::string_view source) {
  for (const auto& t : kRenamedTables) {
    if (t.source == source) return t.ours;
  }
  return {};
}

std::string_view why_no_table(std::string_view source) {
  for (const auto& t : kTableReasons) {
    if (source.starts_with(t.prefix)) return t.why;
  }
  return "there is no such table";
}

bool refuses_in_front(std::string_view source) {
  constexpr std::string_view kTables[] = {"firewall acl",        "firewall acl6",       "firewall interface-policy",
                                          "firewall DoS-policy", "firewall DoS-policy6", "firewall interface-policy6",
                                          "firewall ttl-policy", "firewall security-policy", "firewall local-in-policy",
                                          "firewall local-in-policy6", "user quarantine"};
  return std::find(std::begin(kTables), std::end(kTables), source) != std::end(kTables);
}

const std::vector<SourceDefault>& source_defaults() {
  static const std::vector<SourceDefault> all = {
      {"firewall vip", "type", "static-nat"},
      {"firewall vip6", "type", "static-nat"},
      {"api-gateway", "service", "https"},
      {"api-gateway6", "service", "https"},
  };
  return all;
}

bool same_built_in(std::string_view table, std::string_view key) {
  return (table == "firewall schedule recurring" && (key == "always" || key == "none")) ||
         (table == "firewall address" && (key == "all" || key == "none"));
}

}  // namespace postern::gateway::config::fortios
