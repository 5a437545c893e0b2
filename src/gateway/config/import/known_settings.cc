// Settings of the source: what it means that they are not taken.
#include <algorithm>

#include "gateway/config/import/known.h"

namespace postern::gateway::config::fortios {
namespace {

struct Known {
  std::string_view table;  ///< Empty: every table. "policy": firewall policy and proxy-policy.
  std::string_view name;   ///< With a * at its end: what begins so.
  Effect effect;
  std::string_view why;
};

constexpr std::string_view kLooks = "is only for the source's own screens";
constexpr std::string_view kNoNat = "addresses are not translated here: answers must find back by the routes";
constexpr std::string_view kHardware = "is about the source's hardware";
constexpr std::string_view kNoProxying = "is about the source's own handling of traffic; nothing here depends on it";
constexpr std::string_view kTls = "TLS versions and ciphers are this gateway's own";
constexpr std::string_view kCookies = "requests are shared out by weight here";
constexpr std::string_view kUsers = "users and groups are not asked here";
constexpr std::string_view kInspection = "contents are not inspected here: what the profile would stop passes";
constexpr std::string_view kProfileWithout = "contents are not inspected here; by itself it stops nothing";
constexpr std::string_view kNegated = "negated lists don't exist here";
constexpr std::string_view kOtherEms = "belongs to another make of EMS; the one here is pinned by execute fctems verify";
constexpr std::string_view kMessages = "no messages are sent to people here";
constexpr std::string_view kAccounts = "is not known here, and the account could do more without it";
constexpr std::string_view kJudgedAgain = "proxy policies would judge this traffic once more there";
constexpr std::string_view kShaping = "traffic is not shaped here";
constexpr std::string_view kMarks = "traffic is not marked here";

constexpr auto L = Effect::kLine;
constexpr auto W = Effect::kWider;
constexpr auto E = Effect::kEntry;

constexpr Known kAll[] = {
    {"", "comment", L, {}},
    {"", "comments", L, {}},
    {"policy", "name", L, {}},
    {"", "uuid", L, "entries have no UUID here"},
    {"", "color", L, kLooks},
    {"", "visibility", L, kLooks},
    {"", "fabric-object", L, "there is no security fabric to share it with"},
    {"", "tagging", L, kLooks},
    {"", "gui-*", L, kLooks},
    {"", "replacemsg-*", L, "the pages that users see are this gateway's own"},
    {"", "logtraffic-start", L, "decisions are logged when they are made"},

    {"policy", "label", L, kLooks},
    {"policy", "global-label", L, kLooks},
    {"policy", "nat", L, kNoNat},
    {"policy", "fixedport", L, kNoNat},
    {"policy", "ippool", L, kNoNat},
    {"policy", "poolname*", L, kNoNat},
    {"policy", "nat46", W, kNoNat},
    {"policy", "nat64", W, kNoNat},
    {"policy", "permit-*", L, kNoNat},
    {"policy", "logtraffic", L, "refusals are always logged; forwarding is not"},
    {"policy", "capture-packet", L, "nothing is captured here"},
    {"policy", "auto-asic-offload", L, kHardware},
    {"policy", "np-acceleration", L, kHardware},
    {"policy", "delay-tcp-npu-session", L, kHardware},
    {"policy", "inspection-mode", L, kProfileWithout},
    {"policy", "utm-status", L, kProfileWithout},
    {"policy", "profile-type", L, kProfileWithout},
    {"policy", "profile-protocol-options", L, kProfileWithout},
    {"policy", "ssl-ssh-profile", L, kProfileWithout},
    {"policy", "profile-group", W, kInspection},
    {"policy", "av-profile", W, kInspection},
    {"policy", "webfilter-profile", W, kInspection},
    {"policy", "dnsfilter-profile", W, kInspection},
    {"policy", "emailfilter-profile", W, kInspection},
    {"policy", "spamfilter-profile", W, kInspection},
    {"policy", "dlp-profile", W, kInspection},
    {"policy", "dlp-sensor", W, kInspection},
    {"policy", "file-filter-profile", W, kInspection},
    {"policy", "ips-sensor", W, kInspection},
    {"policy", "ips-voip-filter", W, kInspection},
    {"policy", "application-list", W, kInspection},
    {"policy", "voip-profile", W, kInspection},
    {"policy", "icap-profile", W, kInspection},
    {"policy", "waf-profile", W, kInspection},
    {"policy", "videofilter-profile", W, kInspection},
    {"policy", "casb-profile", W, kInspection},
    {"policy", "ssh-filter-profile", W, kInspection},
    {"policy", "sctp-filter-profile", W, kInspection},
    {"policy", "virtual-patch-profile", W, kInspection},
    {"policy", "scan-botnet-connections", W, kInspection},
    {"policy", "groups", W, kUsers},
    {"policy", "users", W, kUsers},
    {"policy", "fsso-groups", W, kUsers},
    {"policy", "devices", W, "devices are asked for by their tags here"},
    {"policy", "disclaimer", W, "users are not asked to agree to anything here"},
    {"policy", "srcaddr-negate", W, kNegated},
    {"policy", "srcaddr6-negate", W, kNegated},
    {"policy", "dstaddr-negate", W, kNegated},
    {"policy", "dstaddr6-negate", W, kNegated},
    {"policy", "service-negate", W, kNegated},
    {"policy", "internet-service", W, "there are no internet services: addresses stand in firewall address"},
    {"policy", "internet-service-*", W, "there are no internet services: addresses stand in firewall address"},
    {"policy", "internet-service6*", W, "there are no internet services: addresses stand in firewall address"},
    {"policy", "schedule", W, "this schedule is not known here"},
    {"policy", "policy-expiry*", W, "policies don't expire here"},
    {"policy", "schedule-timeout", L, "connections are judged all along here"},
    {"policy", "ztna-geo-tag", W, "there are no geographic tags"},
    {"policy", "ztna-device-ownership", W, "ownership is not known here; a tag can stand for it"},
    {"policy", "device-ownership", W, "ownership is not known here; a tag can stand for it"},
    {"policy", "traffic-shaper*", L, kShaping},
    {"policy", "per-ip-shaper", L, kShaping},
    {"policy", "dynamic-shaping", L, kShaping},
    {"policy", "diffserv*", L, kMarks},
    {"policy", "vlan-cos-*", L, kMarks},
    {"policy", "tcp-mss-*", L, kNoProxying},
    {"policy", "session-ttl", L, kNoProxying},
    {"policy", "anti-replay", L, kNoProxying},
    {"policy", "tcp-session-without-syn", L, kNoProxying},
    {"policy", "firewall-session-dirty", L, "sessions are judged again at each change here"},
    {"policy", "send-deny-packet", L, "what is denied is dropped silently"},
    {"policy", "timeout-send-rst", L, kNoProxying},
    {"policy", "geoip-*", L, kNoProxying},
    {"policy", "dsri", L, kProfileWithout},
    {"policy", "fec", L, kNoProxying},
    {"policy", "wccp", L, kNoProxying},
    {"policy", "webcache*", L, kNoProxying},
    {"policy", "wanopt*", L, kNoProxying},
    {"policy", "webproxy-*", L, kNoProxying},
    {"policy", "transparent", L, kNoProxying},
    {"policy", "http-policy-redirect", W, kJudgedAgain},
    {"policy", "ssh-policy-redirect", W, kJudgedAgain},
    {"policy", "ztna-policy-redirect", W, kJudgedAgain},
    {"policy", "decrypted-traffic-mirror", L, kNoProxying},
    {"policy", "passive-wan-health-measurement", L, kNoProxying},
    {"policy", "match-vip", L, "destinations are not translated here"},
    {"policy", "block-notification", L, "refused users always get a page here"},
    {"policy", "redirect-url", L, "refused users always get a page here"},
    {"policy", "custom-log-fields", L, "the traffic log has its own fields"},
    {"policy", "port-preserve", L, kNoNat},
    {"policy", "port-random", L, kNoNat},
    {"policy", "reputation-direction*", L, "there are no reputations here; the minimum is what counts"},
    {"policy", "tos-mask", W, "the type of service is not looked at here"},
    {"policy", "captive-portal-exempt", L, kUsers},
    {"policy", "email-collect", W, kUsers},
    {"policy", "srcintf", W, "no interface can have this name here"},
    {"policy", "dstaddr", W, "an access proxy's requests go where its api-gateway says"},
    {"policy", "dstaddr6", W, "both families stand in dstaddr here"},

    {"firewall address", "associated-interface", L, kLooks},
    {"firewall address", "allow-routing", L, kLooks},
    {"firewall address", "cache-ttl", L, kNoProxying},
    {"firewall address", "type", E, "networks and ranges are taken alone: a name says nothing of who answers, and an "
                                   "EMS's tags come by themselves"},
    {"firewall address", "fqdn", E, "addresses by name are not taken: a name says nothing of who answers"},
    {"firewall address", "country", E, "there are no geographic addresses"},
    {"firewall address", "sub-type", E, "addresses of this kind come by themselves (an EMS's tags), or not at all"},
    {"firewall address", "interface", L, "an interface's subnet is the network that stands beside it"},
    {"firewall address", "obj-tag", E, "an EMS's tags come by themselves; policies name them in ztna-ems-tag"},
    {"firewall addrgrp", "allow-routing", L, kLooks},
    {"firewall addrgrp", "type", L, kLooks},
    {"firewall addrgrp", "exclude", E, "a group can't exclude members here"},
    {"firewall addrgrp", "exclude-member", E, "a group can't exclude members here"},
    {"firewall addrgrp", "category", E, "groups of tags don't exist here: policies name the tags themselves"},

    {"firewall service custom", "category", L, kLooks},
    {"firewall service custom", "helper", L, kNoProxying},
    {"firewall service custom", "tcp-*-timer", L, kNoProxying},
    {"firewall service custom", "udp-idle-timer", L, kNoProxying},
    {"firewall service custom", "session-ttl", L, kNoProxying},
    {"firewall service custom", "check-reset-range", L, kNoProxying},
    {"firewall service custom", "sctp-portrange", E, "there is no SCTP here"},
    {"firewall service custom", "protocol-number", E, "services are TCP, UDP, ICMP or everything here"},
    {"firewall service custom", "icmpcode", W, "a service is every code of its ICMP messages here"},
    {"firewall service custom", "iprange", W, "services have no addresses here"},
    {"firewall service custom", "fqdn", W, "services have no addresses here"},

    {"firewall schedule onetime", "expiration-days", L, kLooks},
    {"firewall schedule onetime", "start-utc", L, "start says the same"},
    {"firewall schedule onetime", "end-utc", L, "end says the same"},

    {"firewall vip", "id", L, kLooks},
    {"firewall vip", "arp-reply", L, "the kernel answers for its addresses"},
    {"firewall vip", "gratuitous-arp-interval", L, "the kernel answers for its addresses"},
    {"firewall vip", "nat*", L, kNoNat},
    {"firewall vip", "add-nat46-route", L, kNoNat},
    {"firewall vip", "portforward", L, kNoNat},
    {"firewall vip", "mapped*", L, kNoNat},
    {"firewall vip", "ipv6-mapped*", L, kNoNat},
    {"firewall vip", "portmapping-type", L, kNoNat},
    {"firewall vip", "protocol", L, "access proxies are TCP"},
    {"firewall vip", "ssl-certificate", L, "the factory certificate is shown instead"},
    {"firewall vip", "ssl-*", L, kTls},
    {"firewall vip", "http-cookie-*", L, kCookies},
    {"firewall vip", "https-cookie-*", L, kCookies},
    {"firewall vip", "http-*", L, kNoProxying},
    {"firewall vip", "h2-support", L, kNoProxying},
    {"firewall vip", "h3-support", L, kNoProxying},
    {"firewall vip", "quic", L, kNoProxying},
    {"firewall vip", "persistence", L, kCookies},
    {"firewall vip", "ldb-method", L, kCookies},
    {"firewall vip", "monitor", L, "servers are not probed here"},
    {"firewall vip", "max-embryonic-connections", L, kNoProxying},
    {"firewall vip", "outlook-web-access", L, kNoProxying},
    {"firewall vip", "weblogic-server", L, kNoProxying},
    {"firewall vip", "websphere-server", L, kNoProxying},
    {"firewall vip", "client-cert", L, "the access proxy's client-cert counts here"},
    {"firewall vip", "empty-cert-action", L, "the access proxy's empty-cert-action counts here"},
    {"firewall vip", "user-agent-detect", L, "the access proxy's setting counts here"},
    {"firewall vip", "status", E, "a virtual address can't be switched off here"},
    {"firewall vip", "extintf", W, "no interface can have this name here"},
    {"firewall vip", "type", E, "only access proxies have virtual addresses here"},
    {"firewall vip", "src-filter", W, "a virtual address answers everybody here; policies choose"},
    {"firewall vip", "srcintf-filter", W, "a virtual address answers everybody here; policies choose"},

    {"firewall access-proxy-virtual-host", "ssl-certificate", L, "the virtual address's certificate is shown"},
    {"firewall access-proxy-virtual-host", "client-cert", L, "the access proxy's client-cert counts here"},
    {"firewall access-proxy-virtual-host", "empty-cert-action", L, "the access proxy's setting counts here"},
    {"firewall access-proxy-virtual-host", "user-agent-detect", L, "the access proxy's setting counts here"},

    {"firewall access-proxy", "log-blocked-traffic", L, "refusals are always logged here"},
    {"firewall access-proxy", "svr-pool-*", L, kNoProxying},
    {"firewall access-proxy", "http-supported-max-version", L, kNoProxying},
    {"firewall access-proxy", "add-vhost-domain-to-dnsdb", L, "this gateway answers no DNS"},
    {"firewall access-proxy", "decrypted-traffic-mirror", L, kNoProxying},
    {"firewall access-proxy", "auth-portal", W, "there is no sign-in portal here"},
    {"firewall access-proxy", "auth-virtual-host", W, "there is no sign-in portal here"},

    {"api-gateway", "service", E, "servers are spoken to by HTTP or HTTPS in this version, or TCP is forwarded"},
    {"api-gateway", "virtual-host", E, "without its host it would answer for every name"},
    {"api-gateway", "ldb-method", L, kCookies},
    {"api-gateway", "persistence", L, kCookies},
    {"api-gateway", "http-cookie-*", L, kCookies},
    {"api-gateway", "https-cookie-*", L, kCookies},
    {"api-gateway", "ssl-vpn-web-portal", E, "there are no web portals"},
    {"api-gateway", "ssl-*", L, kTls},
    {"api-gateway", "h2-support", L, kNoProxying},
    {"api-gateway", "h3-support", L, kNoProxying},
    {"api-gateway", "quic", L, kNoProxying},
    {"api-gateway", "saml-*", W, kUsers},
    {"realservers", "addr-type", E, "servers stand by address here"},
    {"realservers", "status", E, "a server is active, standby or disabled here"},
    {"realservers", "type", E, "connections of SSH are forwarded as all others here"},
    {"realservers", "http-host", E, "without its host a server would be asked for another"},
    {"realservers", "health-check*", L, "the server is not checked then"},
    {"realservers", "tunnel-encryption", L, kNoProxying},
    {"realservers", "ssh-*", L, kNoProxying},
    {"realservers", "weight", L, "requests are shared out evenly then"},

    {"endpoint-control fctems", "serial-number", L, kOtherEms},
    {"endpoint-control fctems", "tenant-id", L, kOtherEms},
    {"endpoint-control fctems", "fortinetone-cloud-authentication", E, "there is no cloud account"},
    {"endpoint-control fctems", "cloud-*", L, "there is no cloud account"},
    {"endpoint-control fctems", "pull-tags", E, "tags are always taken from a connector in use"},
    {"endpoint-control fctems", "server", E, "there is nobody to connect to without it"},
    {"endpoint-control fctems", "status-check-interval", L, "the channel tells by itself when the EMS is gone"},

    {"vpn certificate local", "private-key", E,
     "the key is encrypted with a password that only the source knows: export certificate and key from it with a "
     "password of your own, decrypt the key, and enter both under certificate local"},
    {"vpn certificate local", "password", L, "the key is kept without a password here"},
    {"vpn certificate local", "csr", L, "certificate requests are made elsewhere"},

    {"accounts", "password", E, "passwords can't be read back from the source: make the account here, with a new one"},
    {"accounts", "api-key", E, "keys can't be read back from the source: make the user here, and draw a new one with "
                               "execute api-user generate-key"},
    {"accounts", "accprofile", E, kAccounts},
    {"accounts", "trusthost*", E, kAccounts},
    {"accounts", "ip6-trusthost*", E, kAccounts},
    {"accounts", "schedule", E, kAccounts},
    {"accounts", "two-factor", E, kAccounts},
    {"accounts", "peer-auth", E, kAccounts},
    {"accounts", "remote-auth", E, kAccounts},
    {"accounts", "guest-auth", E, kAccounts},
    {"accounts", "wildcard", E, kAccounts},
    {"accounts", "peer-group", E, kAccounts},
    {"accounts", "vdom", L, "there is one virtual domain"},
    {"accounts", "email-to", L, kMessages},
    {"accounts", "sms-*", L, kMessages},
    {"accounts", "fortitoken", L, "two-factor counts"},
    {"accounts", "two-factor-*", L, "two-factor counts"},
    {"accounts", "ssh-public-key*", L, "nobody signs in with it here"},
    {"accounts", "ssh-certificate", L, "nobody signs in with it here"},
    {"accounts", "allow-remove-admin-session", L, kLooks},
    {"accounts", "accprofile-override", L, "profiles are not overridden here"},
    {"accounts", "radius-*", L, "accounts are not asked for elsewhere here"},
    {"accounts", "cors-allow-origin", L, "pages of others may not ask here"},
    {"accounts", "dashboard*", L, kLooks},
    {"accounts", "hidden", L, kLooks},
    {"accounts", "login-time", L, kLooks},
    {"accounts", "history*", L, kLooks},
    {"accounts", "password-expire", L, "passwords don't expire here"},

    {"log syslogd setting", "enc-algorithm", E, "messages are not encrypted here, and don't go out in the clear instead"},
    {"log syslogd setting", "mode", E, "the server would be spoken to in another way than it expects"},
    {"log syslogd setting", "format", E, "messages are as RFC 5424 has them; the server expects others"},
    {"log syslogd setting", "certificate", L, "messages are not encrypted here"},
    {"log syslogd setting", "ssl-min-proto-version", L, "messages are not encrypted here"},
    {"log syslogd setting", "syslog-type", L, kLooks},
    {"system global", "alias", L, "the gateway has one name: hostname"},
    {"system global", "timezone", L, "the machine keeps the time, by which schedules go, too (timedatectl)"},
    {"system global", "admin-server-cert", L, "the console's certificate is the gateway's own"},
    {"system interface", "ip", L, "addresses are the kernel's (ip address)"},
    {"system interface", "mode", L, "addresses are the kernel's (ip address)"},
    {"system interface", "vdom", L, "there is one virtual domain"},
    {"system interface", "allowaccess", L, "who may reach this machine is its own firewall's matter"},
    {"system interface", "type", L, "interfaces are the kernel's"},
    {"system interface", "vlanid", L, "interfaces are the kernel's"},
    {"system interface", "interface", L, "interfaces are the kernel's"},
    {"system interface", "snmp-index", L, kLooks},
};

bool fits(std::string_view pattern, std::string_view name) {
  if (!pattern.ends_with('*')) return pattern == name;
  return name.starts_with(pattern.substr(0, pattern.size() - 1));
}

bool is_account(std::string_view table) {
  return table == "system admin" || table == "system api-user" || table == "trusthost";
}

/// The names under which the list has a table.
std::string_view listed(std::string_view table) {
  if (table == "firewall policy" || table == "firewall proxy-policy") return "policy";
  if (is_account(table)) return "accounts";
  if (table.ends_with('6')) table.remove_suffix(1);  // the same for IPv6
  return table;
}

/// In these, what isn't known may narrow.
bool lets_through(std::string_view table) {
  return table.starts_with("firewall ") || table == "api-gateway" || table == "api-gateway6" || table == "realservers";
}

/// `listed_as`: of the table's own entries in the list; empty: of those for every table.
const Known* find_known(std::string_view listed_as, std::string_view name) {
  const auto is = [&](const Known& k) { return k.table == listed_as && fits(k.name, name); };
  const auto it = std::find_if(std::begin(kAll), std::end(kAll), is);
  return it == std::end(kAll) ? nullptr : it;
}

}  // namespace

bool is_known(std::string_view table, std::string_view name) {
  return find_known(listed(table), name) || find_known("", name);
}

NotTaken not_taken(std::string_view table, std::string_view name) {
  const Known* known = find_known(listed(table), name);
  if (!known) known = find_known("", name);
  if (known) return {known->effect, known->why};
  if (is_account(table)) return {Effect::kEntry, kAccounts};
  return {lets_through(table) ? Effect::kWider : Effect::kLine, {}};
}

bool is_as_here(std::string_view table, std::string_view name, const Value& value) {
  struct AsHere {
    std::string_view table, name, value;
  };
  constexpr AsHere kAsHere[] = {{"firewall vip", "status", "enable"},
                                {"accounts", "accprofile", "super_admin"},
                                {"firewall schedule recurring", "day", "none"},
                                {"firewall addrgrp", "type", "default"},
                                {"firewall addrgrp", "category", "default"},
                                {"policy", "service", "ALL"},
                                {"policy", "srcintf", "any"},
                                {"policy", "dstintf", "any"},
                                {"policy", "dstaddr", "all"},
                                {"policy", "dstaddr6", "all"},
                                {"policy", "schedule", "always"}};
  return value.size() == 1 && std::any_of(std::begin(kAsHere), std::end(kAsHere), [&](const AsHere& a) {
    return a.table == listed(table) && a.name == name && a.value == value[0];
  });
}

bool is_never_off(std::string_view table, std::string_view name) {
  if (table == "firewall service custom" && name == "icmpcode") return true;  // 0 is a code
  if (listed(table) != "policy") return false;
  // Lists of names: somebody's group may be called so.
  constexpr std::string_view kNames[] = {"groups", "users", "fsso-groups", "devices", "dstaddr", "dstaddr6", "service",
                                         "ztna-geo-tag", "internet-service-name", "internet-service-src-name",
                                         "internet-service-group", "internet-service-src-group"};
  return std::find(std::begin(kNames), std::end(kNames), name) != std::end(kNames) || name.ends_with("-profile") ||
         name.ends_with("-sensor");
}

bool is_off(const Value& value) {
  constexpr std::string_view kOff[] = {"", "disable", "none", "0", "0x00", "0.0.0.0", "::", "::/0", "unspecified"};
  return std::all_of(value.begin(), value.end(), [&](const std::string& word) {
    return std::find(std::begin(kOff), std::end(kOff), word) != std::end(kOff);
  });
}

}  // namespace postern::gateway::config::fortios
