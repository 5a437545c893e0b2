#include "gateway/config/model.h"

#include <algorithm>
#include <array>
#include <set>

#include "base/hex.h"
#include "base/text.h"

namespace postern::gateway::config {
namespace {

std::uint16_t port_of(const ObjectView& o, std::string_view name) {
  return static_cast<std::uint16_t>(o.integer(name));
}

int id_of(const ObjectView& o) { return static_cast<int>(parse_u64(o.key()).value_or(0)); }
std::uint32_t policy_id_of(const ObjectView& o) { return static_cast<std::uint32_t>(parse_u64(o.key()).value_or(0)); }

IpAddress address_of(const ObjectView& o, std::string_view name) {
  return IpAddress::parse(o.text(name)).value_or(IpAddress());
}

std::optional<Sha256> digest_of(const ObjectView& o, std::string_view name) {
  const auto bytes = from_hex(o.text(name));
  if (!bytes || bytes->size() != 32) return std::nullopt;
  Sha256 out;
  std::copy(bytes->begin(), bytes->end(), out.begin());
  return out;
}

Action policy_action(const ObjectView& o) { return o.text("action") == "accept" ? Action::kAccept : Action::kDeny; }

TagCondition condition_of(const ObjectView& o) {
  TagCondition out;
  out.tags = o.values("ztna-ems-tag");
  out.secondary = o.values("ztna-ems-tag-secondary");
  out.logic = o.text("ztna-tags-match-logic") == "and" ? MatchLogic::kAll : MatchLogic::kAny;
  out.negate = o.enabled("ztna-ems-tag-negate");
  return out;
}

/// A subnet in normal form as its first and last address.
IpRange range_of_subnet(std::string text) {
  if (const auto space = text.find(' '); space != text.npos) {
    const auto mask = IpAddress::parse(text.substr(space + 1));
    unsigned prefix = 0;
    for (unsigned i = 0; i < 4; ++i) prefix += static_cast<unsigned>(__builtin_popcount(mask->bytes()[i]));
    text = text.substr(0, space) + "/" + std::to_string(prefix);
  }
  return IpRange::parse(text).value_or(IpRange());
}

/// PEM or a path; empty: none is named.
std::string remote_certificate(const ConfigTree& tree, const std::string& name) {
  if (name.empty()) return {};
  const ObjectPath path = {{"certificate remote", name}};
  return ObjectView(*find_table(tree.schema(), path), *tree.find(path)).text("remote");
}

FctemsConfig fctems_of(const ConfigTree& tree, const ObjectView& o) {
  FctemsConfig c;
  c.id = id_of(o);
  c.enabled = o.enabled("status");
  c.name = o.text("name");
  c.server = o.text("server");
  c.https_port = port_of(o, "https-port");
  c.source_ip = address_of(o, "source-ip");
  if (c.source_ip == IpAddress::v4({0, 0, 0, 0})) c.source_ip = {};
  c.call_timeout = Seconds(o.integer("call-timeout"));
  c.out_of_sync_threshold = Seconds(o.integer("out-of-sync-threshold"));
  c.trust_ca_cn = o.enabled("trust-ca-cn");
  c.serial = EmsSerial(o.text("serial-number"));
  c.tenant = TenantId(o.text("tenant-id"));
  c.fingerprint = digest_of(o, "certificate-fingerprint");
  c.issuer_key = digest_of(o, "certificate-issuer-key");
  c.trusted_pem = remote_certificate(tree, o.text("certificate-remote"));
  return c;
}

AddressConfig address_config(const ObjectView& o) {
  AddressConfig a;
  a.name = o.key();
  if (o.key() == "all") {
    a.all = true;
  } else if (o.text("type") == "iprange") {
    a.ranges = {{address_of(o, "start-ip"), address_of(o, "end-ip")}};
  } else {
    a.ranges = {range_of_subnet(o.text("subnet"))};
  }
  return a;
}

/// What groups hold, with what the groups in them hold; of each but once.
class Groups {
 public:
  Groups(const ConfigTree& tree, std::string_view table) {
    for (const auto& o : tree.entries(table)) members_[o.key()] = o.values("member");
  }
  std::vector<std::string> names() const {
    std::vector<std::string> out;
    for (const auto& [name, members] : members_) out.push_back(name);
    return out;
  }
  std::vector<std::string> members(const std::string& group) const {
    std::vector<std::string> out, open = {group};
    std::set<std::string> seen = {group};
    while (!open.empty()) {
      const auto it = members_.find(open.back());
      open.pop_back();
      for (const auto& member : it->second) {
        if (!seen.insert(member).second) continue;
        (members_.contains(member) ? open : out).push_back(member);
      }
    }
    return out;
  }

 private:
  std::map<std::string, Value> members_;
};

void add_address_groups(const ConfigTree& tree, std::vector<AddressConfig>& addresses) {
  const Groups groups(tree, "firewall addrgrp");
  std::vector<AddressConfig> out;
  for (const auto& name : groups.names()) {
    AddressConfig group;
    group.name = name;
    for (const auto& member : groups.members(name)) {
      const auto* address = find_named(addresses, member);
      group.all = group.all || address->all;
      group.ranges.insert(group.ranges.end(), address->ranges.begin(), address->ranges.end());
    }
    if (group.all) group.ranges.clear();
    out.push_back(std::move(group));
  }
  addresses.insert(addresses.end(), out.begin(), out.end());
}

Schedules schedules_of(const ConfigTree& tree) {
  constexpr std::array kDays = {"sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"};
  Schedules out;
  for (const auto& o : tree.entries("firewall schedule recurring")) {
    WeeklySpan span;
    const auto& days = o.values("day");
    for (std::size_t i = 0; i < kDays.size(); ++i) {
      if (std::find(days.begin(), days.end(), kDays[i]) != days.end()) span.days |= 1u << i;
    }
    span.start = minute_of_day(o.text("start"));
    span.end = minute_of_day(o.text("end"));
    out.weekly[o.key()] = span;
  }
  for (const auto& o : tree.entries("firewall schedule onetime")) {
    out.once[o.key()] = {read_moment(o.text("start")), read_moment(o.text("end"))};
  }
  for (const auto& o : tree.entries("firewall schedule group")) out.groups[o.key()] = o.values("member");
  return out;
}

VipConfig vip_of(const ObjectView& o, bool v6) {
  return {o.key(), address_of(o, "extip"), port_of(o, "extport"), o.text("ssl-certificate"), v6, o.text("extintf")};
}

std::vector<ServiceConfig::Ports> port_ranges(const ObjectView& o, std::string_view name) {
  std::vector<ServiceConfig::Ports> out;
  for (const auto& text : o.values(name)) {
    const auto dash = text.find('-');
    const auto first = parse_u64(std::string_view(text).substr(0, dash)).value_or(0);
    const auto last = dash == text.npos ? first : parse_u64(std::string_view(text).substr(dash + 1)).value_or(0);
    out.push_back({static_cast<std::uint16_t>(first), static_cast<std::uint16_t>(last)});
  }
  return out;
}

ServiceConfig service_of(const ObjectView& o) {
  using Protocol = ServiceConfig::Protocol;
  ServiceConfig s;
  s.name = o.key();
  const auto protocol = o.text("protocol");
  s.protocol = protocol == "IP"      ? Protocol::kAny
               : protocol == "ICMP"    ? Protocol::kIcmp
               : protocol == "ICMP6" ? Protocol::kIcmp6
                                     : Protocol::kTcpUdp;
  s.tcp = port_ranges(o, "tcp-portrange");
  s.udp = port_ranges(o, "udp-portrange");
  if (o.is_set("icmptype")) s.icmp_type = static_cast<std::uint8_t>(o.integer("icmptype"));
  return s;
}

health::Protocol health_check_of(const ObjectView& server) {
  if (!server.enabled("health-check")) return health::Protocol::kNone;
  const auto protocol = server.text("health-check-proto");
  return protocol == "http"   ? health::Protocol::kHttp
         : protocol == "ping" ? health::Protocol::kPing
                              : health::Protocol::kTcpConnect;
}

/// What a real server of service tcp-forwarding lets clients reach.
void add_destinations(const ObjectView& r, const std::vector<AddressConfig>& addresses, std::vector<ForwardDestination>& out) {
  std::vector<ForwardDestination::Ports> ports;
  for (const auto& p : port_ranges(r, "mappedport")) ports.push_back({p.first, p.last});
  if (ports.empty()) ports.push_back({port_of(r, "port"), port_of(r, "port")});
  if (r.text("addr-type") == "fqdn") {
    out.push_back({to_lower(r.text("domain")), std::nullopt, ports});
    return;
  }
  if (r.is_set("ip")) out.push_back({"", IpRange{address_of(r, "ip"), address_of(r, "ip")}, ports});
  const auto* address = find_named(addresses, r.text("address"));
  if (address == nullptr) return;
  for (const auto& range : address->ranges) out.push_back({"", range, ports});
}

AccessProxyConfig access_proxy_of(const ConfigTree& tree, const std::vector<AddressConfig>& addresses, const ObjectView& o,
                                  bool v6) {
  AccessProxyConfig p;
  p.name = o.key();
  p.v6_table = v6;
  const ObjectPath vip = {{v6 ? "firewall vip6" : "firewall vip", o.text("vip")}};
  p.vip = vip_of({*find_table(tree.schema(), vip), *tree.find(vip)}, v6);
  p.client_certificate = o.enabled("client-cert");
  const auto empty = o.text("empty-cert-action");
  p.empty_certificate = empty == "accept"                ? EmptyCertificate::kAccept
                        : empty == "accept-unmanageable" ? EmptyCertificate::kAcceptUnmanageable
                                                         : EmptyCertificate::kBlock;
  for (const auto& g : o.entries("api-gateway")) {
    ApiGatewayConfig gateway;
    gateway.id = id_of(g);
    gateway.url_map = g.text("url-map");
    const auto type = g.text("url-map-type");
    gateway.url_map_type = type == "wildcard" ? ApiGatewayConfig::UrlMap::kWildcard
                           : type == "regex"  ? ApiGatewayConfig::UrlMap::kRegex
                                              : ApiGatewayConfig::UrlMap::kSubString;
    gateway.virtual_host = g.text("virtual-host");
    gateway.tls = g.text("service") == "https";
    gateway.method = policy::balancing_from(g.text("ldb-method")).value_or(policy::Balancing::kWeighted);
    gateway.min_tls = tls_version(g.text("ssl-min-version"));
    gateway.max_tls = tls_version(g.text("ssl-max-version"));
    gateway.server_ca = remote_certificate(tree, g.text("server-ca"));
    gateway.forwards = g.text("service") == "tcp-forwarding";
    for (const auto& r : g.entries("realservers")) {
      if (gateway.forwards) {
        if (r.text("status") == "active") add_destinations(r, addresses, gateway.destinations);
        continue;
      }
      gateway.servers.push_back({id_of(r), address_of(r, "ip"), port_of(r, "port"), r.text("status") != "disable",
                                 static_cast<unsigned>(r.integer("weight")), r.enabled("verify-cert"),
                                 r.text("status") == "standby", to_lower(r.text("http-host")), r.enabled("translate-host"),
                                 health_check_of(r), r.enabled("holddown-interval")});
    }
    p.gateways.push_back(std::move(gateway));
  }
  return p;
}

ProxyPolicyConfig proxy_policy_of(const ObjectView& o) {
  ProxyPolicyConfig p;
  p.id = policy_id_of(o);
  p.name = o.text("name");
  p.enabled = o.enabled("status");
  p.schedule = o.text("schedule");
  p.access_proxies = o.values("access-proxy");
  p.access_proxies6 = o.values("access-proxy6");
  p.from = o.values("srcintf");
  p.sources = o.values("srcaddr");
  p.destinations = o.values("dstaddr");
  p.users = o.values("users");
  p.groups = o.values("groups");
  p.condition = condition_of(o);
  p.action = policy_action(o);
  p.log = o.text("logtraffic") == "all";
  return p;
}

FirewallPolicyConfig firewall_policy_of(const ObjectView& o) {
  FirewallPolicyConfig p;
  p.id = policy_id_of(o);
  p.name = o.text("name");
  p.enabled = o.enabled("status");
  p.schedule = o.text("schedule");
  p.from = o.values("srcintf");
  p.to = o.values("dstintf");
  p.sources = o.values("srcaddr");
  p.destinations = o.values("dstaddr");
  p.services = o.values("service");
  p.condition = condition_of(o);
  p.action = policy_action(o);
  return p;
}

SyslogConfig read_syslog(const ObjectView& o) {
  SyslogConfig s;
  s.enabled = o.enabled("status");
  s.server = o.text("server");
  s.port = port_of(o, "port");
  s.reliable = o.text("mode") == "reliable";
  // The table lists them in the order of their numbers.
  const auto& facilities = o.table().attribute("facility")->options;
  const auto name = o.text("facility");
  for (std::size_t i = 0; i < facilities.size(); ++i) {
    if (facilities[i].name == name) s.facility = static_cast<unsigned>(i);
  }
  s.source_ip = address_of(o, "source-ip");
  if (s.source_ip == IpAddress::v4({0, 0, 0, 0})) s.source_ip = {};
  return s;
}

}  // namespace

GatewayConfig read_config(const ConfigTree& tree) {
  GatewayConfig c;
  const auto global = tree.single("system global");
  c.global = {global.text("hostname"), global.text("management-ip"), port_of(global, "management-port"),
              port_of(global, "admin-sport"), global.enabled("rest-api-key-url-query"),
              global.text("admin-server-cert")};
  c.strict_source_check = tree.single("system settings").enabled("strict-src-check");
  for (const auto& o : tree.entries("system interface")) {
    c.interfaces.push_back({o.key(), o.text("alias"), o.text("role"), o.enabled("src-check")});
  }
  for (const auto& o : tree.entries("system admin")) c.admins.push_back({o.key(), o.text("password")});
  for (const auto& o : tree.entries("system api-user")) c.api_users.push_back({o.key(), o.text("api-key")});
  const auto log = tree.single("log setting");
  c.log = {log.enabled("user-anonymize"), static_cast<std::uint64_t>(log.integer("max-log-file-size")) << 20,
           log.enabled("rest-api-get"), log.enabled("rest-api-set")};
  c.syslog = read_syslog(tree.single("log syslogd setting"));
  const auto control = tree.single("endpoint-control settings");
  c.endpoint_control = {Seconds(control.integer("certificate-record-hold")),
                        Seconds(control.integer("unknown-certificate-cache")),
                        static_cast<unsigned>(control.integer("certificate-queries-per-second"))};
  for (const auto& o : tree.entries("certificate local")) {
    if (o.key() == kFactoryCertificate) continue;
    c.certificates.push_back({o.key(), o.text("certificate"), o.text("private-key")});
  }
  for (const auto& o : tree.entries("endpoint-control fctems")) c.connectors.push_back(fctems_of(tree, o));
  for (const auto& o : tree.entries("firewall address")) c.addresses.push_back(address_config(o));
  add_address_groups(tree, c.addresses);
  for (const auto& o : tree.entries("firewall service custom")) c.services.push_back(service_of(o));
  const Groups service_groups(tree, "firewall service group");
  for (const auto& name : service_groups.names()) c.service_groups.push_back({name, service_groups.members(name)});
  c.schedules = schedules_of(tree);
  for (const auto& o : tree.entries("firewall access-proxy-virtual-host")) {
    c.virtual_hosts.push_back({o.key(), o.text("host"), o.text("host-type") == "wildcard"});
  }
  for (const bool v6 : {false, true}) {
    for (const auto& o : tree.entries(v6 ? "firewall access-proxy6" : "firewall access-proxy")) {
      c.access_proxies.push_back(access_proxy_of(tree, c.addresses, o, v6));
    }
  }
  for (const auto& o : tree.entries("user group")) c.user_groups.push_back({o.key(), o.values("member")});
  for (const auto& o : tree.entries("firewall proxy-policy")) c.proxy_policies.push_back(proxy_policy_of(o));
  for (const auto& o : tree.entries("firewall policy")) c.firewall_policies.push_back(firewall_policy_of(o));
  return c;
}

}  // namespace postern::gateway::config
