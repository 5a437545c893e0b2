#include "gateway/config/import/front.h"

#include <algorithm>
#include <iterator>
#include <string_view>

#include <fmt/format.h>

#include "gateway/config/import/known.h"

namespace postern::gateway::config::fortios {
namespace {

/// With an entry in it that is on, at whatever depth. What begins so.
constexpr std::string_view kFrontTables[] = {
    "firewall acl",          "firewall DoS-policy",       "firewall interface-policy",
    "firewall ttl-policy",   "firewall security-policy",  "firewall consolidated policy",
    "firewall local-in-policy", "firewall ipmacbinding table", "user quarantine",
    "switch-controller quarantine", "switch-controller acl"};

/// Settings that refuse by themselves, with any value but one that is off.
struct FrontSetting {
  std::string_view table, name, value;  ///< No value: any.
};
constexpr FrontSetting kFrontSettings[] = {
    {"system settings", "ngfw-mode", "policy-based"},
    {"system settings", "status", "disable"},  // nothing passes through the virtual domain
    {"firewall ipmacbinding setting", "bindthroughfw", {}},
    {"firewall ipmacbinding setting", "bindtofw", {}},
    {"firewall ipv6-eh-filter", "hop-opt", {}},
    {"firewall ipv6-eh-filter", "dest-opt", {}},
    {"firewall ipv6-eh-filter", "fragment", {}},
    {"firewall ipv6-eh-filter", "auth", {}},
    {"firewall ipv6-eh-filter", "no-next", {}},
};

/// Tables that refuse nothing by themselves: objects and profiles that policies name, lists of other traffic, and what is
/// about the machine. What begins so; with a $ at its end: the whole name.
constexpr std::string_view kHarmlessTables[] = {"firewall access-proxy-ssh-client-cert$",
                                                "firewall address6-template$",
                                                "firewall auth-portal$",
                                                "firewall carrier-endpoint-bwl$",
                                                "firewall central-nat$",
                                                "firewall central-snat-map$",
                                                "firewall city$",
                                                "firewall country$",
                                                "firewall decrypted-traffic-mirror$",
                                                "firewall dnstranslation$",
                                                "firewall explicit-proxy-addr",
                                                "firewall global$",
                                                "firewall gtp$",
                                                "firewall identity-based-route$",
                                                "firewall internet-service",
                                                "firewall ip-translation$",
                                                "firewall ipmacbinding setting$",
                                                "firewall ippool",
                                                "firewall ipv6-eh-filter$",
                                                "firewall ldb-monitor$",
                                                "firewall mms-profile$",
                                                "firewall multicast-address",
                                                "firewall multicast-policy",
                                                "firewall network-service-dynamic$",
                                                "firewall on-demand-sniffer$",
                                                "firewall pfcp$",
                                                "firewall policy46$",
                                                "firewall policy6$",
                                                "firewall policy64$",
                                                "firewall profile-",
                                                "firewall proxy-addr",
                                                "firewall region$",
                                                "firewall service category$",
                                                "firewall shaper ",
                                                "firewall shaping-",
                                                "firewall sniff",
                                                "firewall ssh ",
                                                "firewall ssl ",
                                                "firewall ssl-server$",
                                                "firewall ssl-ssh-profile$",
                                                "firewall traffic-class$",
                                                "firewall vendor-mac",
                                                "firewall vip46$",
                                                "firewall vip64$",
                                                "firewall vipgrp",
                                                "firewall wildcard-fqdn ",
                                                "user adgrp$",
                                                "user certificate$",
                                                "user device$",
                                                "user device-category$",
                                                "user device-group$",
                                                "user domain-controller$",
                                                "user exchange$",
                                                "user external-identity-provider$",
                                                "user fortitoken$",
                                                "user fsso",
                                                "user group$",
                                                "user krb-keytab$",
                                                "user ldap$",
                                                "user local$",
                                                "user nac-policy$",
                                                "user password-policy$",
                                                "user peer$",
                                                "user peergrp$",
                                                "user pop3$",
                                                "user radius$",
                                                "user saml$",
                                                "user scim$",
                                                "user security-exempt-list$",
                                                "user setting$",
                                                "user tacacs+$",
                                                "alertemail ",
                                                "antivirus ",
                                                "application ",
                                                "authentication ",
                                                "automation ",
                                                "casb ",
                                                "certificate ",
                                                "cifs ",
                                                "credential-store ",
                                                "diameter-filter ",
                                                "dlp ",
                                                "dnsfilter ",
                                                "dpdk ",
                                                "emailfilter ",
                                                "endpoint-control ",
                                                "client-reputation ",
                                                "ethernet-oam ",
                                                "extender",
                                                "extension-controller ",
                                                "file-filter ",
                                                "ftp-proxy ",
                                                "gtp ",
                                                "gui ",
                                                "imp2p ",
                                                "load-balance ",
                                                "netscan ",
                                                "pfcp ",
                                                "icap ",
                                                "ips ",
                                                "log ",
                                                "monitoring ",
                                                "nsxt ",
                                                "report ",
                                                "router ",
                                                "rule ",
                                                "sctp-filter ",
                                                "spamfilter ",
                                                "ssh-filter ",
                                                "switch-controller ",
                                                "system ",
                                                "telemetry-controller ",
                                                "videofilter ",
                                                "virtual-patch ",
                                                "voip ",
                                                "vpn ",
                                                "waf ",
                                                "wanopt ",
                                                "web-proxy ",
                                                "webfilter ",
                                                "wireless-controller ",
                                                "ztna "};

/// Settings of an interface that refuse nothing, whatever they say. With a * at its end: what begins so.
constexpr std::string_view kHarmlessSettings[] = {"ac-name",
                                                  "aggregate*",
                                                  "algorithm",
                                                  "alias",
                                                  "allowaccess",
                                                  "ap-discover",
                                                  "arpforward",
                                                  "atm-protocol",
                                                  "auth-cert",
                                                  "auth-portal-addr",
                                                  "auth-type",
                                                  "auto-auth-extension-device",
                                                  "bandwidth-measure-time",
                                                  "bfd*",
                                                  "broadcast-*",
                                                  "cli-conn-status",
                                                  "client-options",
                                                  "color",
                                                  "ddns*",
                                                  "default-purdue-level",
                                                  "defaultgw",
                                                  "description",
                                                  "detected-peer-mtu",
                                                  "detectprotocol",
                                                  "detectserver",
                                                  "device-identification*",
                                                  "device-netscan",
                                                  "device-user-identification",
                                                  "devindex",
                                                  "dhcp-*",
                                                  "dhcp6-*",
                                                  "disc-retry-timeout",
                                                  "disconnect-threshold",
                                                  "distance",
                                                  "dns-query",
                                                  "dns-server-*",
                                                  "eap-*",
                                                  "egress-*",
                                                  "estimated-*",
                                                  "exclude-signatures",
                                                  "explicit-*",
                                                  "external",
                                                  "fail-*",
                                                  "fortiheartbeat",
                                                  "fortilink*",
                                                  "forward-domain",
                                                  "forward-error-correction",
                                                  "gateway-address",
                                                  "gi-gk",
                                                  "gwaddr",
                                                  "gwdetect",
                                                  "ha-priority",
                                                  "icmp-*",
                                                  "ident-accept",
                                                  "idle-timeout",
                                                  "ike-saml-server",
                                                  "inbandwidth",
                                                  "ingress-*",
                                                  "interconnect-profile",
                                                  "interface",
                                                  "internal",
                                                  "ip",
                                                  "ip-managed-by-fortiipam",
                                                  "ipunnumbered",
                                                  "l2forward",
                                                  "l2tp-*",
                                                  "lacp-*",
                                                  "lcp-*",
                                                  "link-up-delay",
                                                  "listen-forticlient-connection",
                                                  "lldp-*",
                                                  "macaddr",
                                                  "managed-device",
                                                  "managed-subnetwork-size",
                                                  "management-ip",
                                                  "measured-*",
                                                  "mediatype",
                                                  "member",
                                                  "min-links*",
                                                  "mirroring-*",
                                                  "mode",
                                                  "monitor-bandwidth",
                                                  "mtu",
                                                  "mtu-override",
                                                  "name",
                                                  "ndiscforward",
                                                  "netbios-forward",
                                                  "netflow-*",
                                                  "np-qos-profile",
                                                  "outbandwidth",
                                                  "padt-retry-timeout",
                                                  "password",
                                                  "phy-*",
                                                  "ping-serv-status",
                                                  "poe*",
                                                  "polling-interval",
                                                  "pppoe-*",
                                                  "pptp-*",
                                                  "preserve-session-route",
                                                  "priority",
                                                  "priority-override",
                                                  "proxy-captive-portal",
                                                  "prp-trunk",
                                                  "reachable-time",
                                                  "redundant-interface",
                                                  "remote-ip",
                                                  "replacemsg-override-group",
                                                  "ring-*",
                                                  "role",
                                                  "sample-*",
                                                  "secip-relay-ip",
                                                  "secondary-IP",
                                                  "sflow-*",
                                                  "snmp-index",
                                                  "speed",
                                                  "spillover-threshold",
                                                  "src-check",
                                                  "stp*",
                                                  "stpforward*",
                                                  "subst",
                                                  "substitute-dst-mac",
                                                  "sw-algorithm",
                                                  "swc-*",
                                                  "switch",
                                                  "switch-controller-*",
                                                  "tcp-mss",
                                                  "telemetry-discover",
                                                  "trunk",
                                                  "trust-ip*",
                                                  "type",
                                                  "username",
                                                  "vdom",
                                                  "vindex",
                                                  "virtual-mac",
                                                  "vlan-protocol",
                                                  "vlanforward",
                                                  "vlanid",
                                                  "vrrp*",
                                                  "wccp",
                                                  "weight",
                                                  "wifi-*",
                                                  "wins-ip"};

template <class List>
bool begins_with_one_of(const List& list, std::string_view name) {
  return std::any_of(std::begin(list), std::end(list), [&](std::string_view known) {
    if (known.ends_with('$')) return known.substr(0, known.size() - 1) == name;
    return name.starts_with(known);
  });
}

bool is_set_to(const Entry& entry, std::string_view name, std::string_view value) {
  bool is = false;
  for (const auto& s : entry.settings) {
    if (s.name == name) is = s.command == "set" && s.values == Value{std::string(value)};
  }
  return is;
}

/// In tables whose entries refuse unless they say otherwise, this one does.
bool lets_pass(const Block& block, const Entry& entry) {
  if (is_set_to(entry, "status", "disable")) return true;
  const bool refusals = block.table.starts_with("firewall local-in-policy") || block.table == "firewall ttl-policy";
  return refusals && is_set_to(entry, "action", "accept");
}

bool has_entries(const Block& block) {
  const auto& nested = block.body.blocks;
  return std::any_of(block.entries.begin(), block.entries.end(), [&](const Entry& e) { return !lets_pass(block, e); }) ||
         std::any_of(nested.begin(), nested.end(), has_entries);
}

bool says(const Setting& s) { return s.command != "unset" && !is_off(s.values); }

bool says_something(const Block& block) {
  if (!block.entries.empty() || std::any_of(block.body.settings.begin(), block.body.settings.end(), says)) return true;
  return std::any_of(block.body.blocks.begin(), block.body.blocks.end(), says_something);
}

}  // namespace

std::string refuses_in_front(const Block& block) {
  for (const auto& s : block.body.settings) {
    for (const auto& f : kFrontSettings) {
      // Shortened, too, as people type it.
      if (f.table != block.table || !f.name.starts_with(s.name) || s.command == "unset" || s.values.empty()) continue;
      if (f.value.empty() ? says(s) : !s.values[0].empty() && f.value.starts_with(s.values[0])) {
        return fmt::format("{} ({}) refuses there in front of the policies, and is nothing here", block.table,
                           s.name + " " + s.values[0]);
      }
    }
  }
  if (begins_with_one_of(kFrontTables, block.table)) {
    if (!has_entries(block)) return {};
    return fmt::format("{} refuses there in front of the policies, and is nothing here", block.table);
  }
  if (begins_with_one_of(kHarmlessTables, block.table) || !says_something(block)) return {};
  return fmt::format("{} is not known, and may be what refuses there in front of the policies", block.table);
}

Narrows narrows_network(const Setting& s) {
  if (!says(s)) return Narrows::kNothing;
  const bool portal = s.name == "security" && std::any_of(s.values.begin(), s.values.end(), [](const std::string& word) {
                        return word.find("captive-portal") != std::string::npos;
                      });
  constexpr std::string_view kNarrowing[] = {"captive-portal", "selected-usergroups", "mac-filter", "address-group",
                                             "access-control-list"};
  return portal || begins_with_one_of(kNarrowing, s.name) ? Narrows::kIncoming : Narrows::kNothing;
}

Narrows narrows(const Setting& s) {
  if (!says(s)) return Narrows::kNothing;
  if (s.name == "status") return s.values == Value{"up"} ? Narrows::kNothing : Narrows::kBoth;
  if (s.name.starts_with("security-")) return Narrows::kIncoming;
  const bool harmless = std::any_of(std::begin(kHarmlessSettings), std::end(kHarmlessSettings), [&](std::string_view known) {
    if (known.ends_with('*')) return s.name.starts_with(known.substr(0, known.size() - 1));
    return known == s.name;
  });
  return harmless ? Narrows::kNothing : Narrows::kBoth;
}

}  // namespace postern::gateway::config::fortios
