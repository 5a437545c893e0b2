// Tables of the source: what they are called here, and what there is instead of those that are not.
#include "gateway/config/import/known.h"

#include <algorithm>
#include <iterator>

#include <fmt/format.h>

#include "base/text.h"

namespace postern::gateway::config::fortios {
namespace {

using ObjectValues = decltype(Object::values);

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
    {"log syslogd", "there is one syslog server, in log syslogd setting, and it gets the whole traffic log"},
    {"log ", "there is no such table: the traffic log is a file of the gateway's data directory"},
    {"wireless-controller", "there are no wireless networks here"},
    {"switch-controller", "there are no switches here"},
};

}  // namespace

namespace {

/// "1433 1434" and "1433-1434" are the same.
Value joined_ports(const Value& words) {
  std::vector<std::pair<std::uint64_t, std::uint64_t>> ranges;
  for (const auto& word : words) {
    const auto dash = word.find('-');
    const auto first = parse_u64(std::string_view(word).substr(0, dash));
    const auto last = dash == word.npos ? first : parse_u64(std::string_view(word).substr(dash + 1));
    if (!first || !last) return words;
    ranges.emplace_back(*first, *last);
  }
  std::sort(ranges.begin(), ranges.end());
  Value out;
  for (std::size_t i = 0; i < ranges.size(); ++i) {
    auto [first, last] = ranges[i];
    while (i + 1 < ranges.size() && ranges[i + 1].first <= last + 1) last = std::max(last, ranges[++i].second);
    out.push_back(fmt::format("{}-{}", first, last));
  }
  return out;
}

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

bool shares_address_names(std::string_view source) {
  constexpr std::string_view kPrefixes[] = {"firewall vip", "firewall proxy-addr", "firewall multicast-address",
                                            "firewall wildcard-fqdn", "firewall internet-service",
                                            "firewall network-service", "system external-resource"};
  return std::any_of(std::begin(kPrefixes), std::end(kPrefixes), [&](std::string_view p) { return source.starts_with(p); });
}

const std::vector<SourceDefault>& source_defaults() {
  static const std::vector<SourceDefault> all = {
      {"firewall vip", "type", "static-nat"},
      {"firewall vip6", "type", "static-nat"},
      {"api-gateway", "service", "https"},
      {"api-gateway6", "service", "https"},
      // Somebody with a password there, which a name at an endpoint is not.
      {"user local", "type", "password"},
  };
  return all;
}

bool same_meaning(const Object& a, const Object& b) {
  const auto meaning = [](const Object& o) {
    Object out = o;
    for (const char* note : {"comment", "comments"}) out.values.erase(note);
    for (const char* ports : {"tcp-portrange", "udp-portrange"}) {
      if (const auto it = out.values.find(ports); it != out.values.end()) it->second = joined_ports(it->second);
    }
    return out;
  };
  return meaning(a) == meaning(b);
}

bool same_built_in(std::string_view table, const Object& entry, const Object& built_in) {
  if (same_meaning(entry, built_in)) return true;
  if (table == "firewall schedule recurring" && entry.key == "always") {
    // All days, in whatever order, and around the clock.
    if (entry.values.size() != 1 || entry.values.begin()->first != "day") return false;
    Value days = entry.values.begin()->second, every = built_in.values.at("day");
    std::sort(days.begin(), days.end());
    std::sort(every.begin(), every.end());
    return days == every;
  }
  if (table == "firewall address" && entry.key == "all") {
    return entry.values == ObjectValues{{"type", {"iprange"}}, {"start-ip", {"0.0.0.0"}}, {"end-ip", {"255.255.255.255"}}};
  }
  return table == "firewall address6" && entry.key == "all" && entry.values == ObjectValues{{"subnet", {"::/0"}}};
}

std::string_view differs_there(std::string_view service) {
  struct Difference {
    std::string_view service, there;
  };
  constexpr Difference kDifferences[] = {{"LDAP", "is TCP alone there"},
                                         {"LDAPS", "is nothing that a FortiGate brings along"},
                                         {"RDP", "is TCP alone there"},
                                         {"RTSP", "has further ports there (TCP 7070, 8554)"}};
  for (const auto& d : kDifferences) {
    if (d.service == service) return d.there;
  }
  return {};
}

bool is_both_icmp(const Object& service) {
  const auto protocol = service.values.find("protocol");
  return protocol != service.values.end() && protocol->second == Value{"ICMP"} && !service.values.contains("icmptype");
}

std::vector<std::string_view> sharing_names(std::string_view table) {
  static const std::vector<std::vector<std::string_view>> all = {
      {"firewall address", "firewall addrgrp"},
      {"firewall service custom", "firewall service group"},
      {"firewall schedule recurring", "firewall schedule onetime", "firewall schedule group"},
  };
  for (const auto& tables : all) {
    if (std::find(tables.begin(), tables.end(), table) != tables.end()) return tables;
  }
  return {table};
}

}  // namespace postern::gateway::config::fortios
