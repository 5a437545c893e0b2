#pragma once
// The configuration as plain values with every default filled in: what the gateway's parts read.
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"
#include "base/ip.h"
#include "base/result.h"
#include "base/sha256.h"
#include "gateway/config/schedule.h"
#include "gateway/config/tls_version.h"
#include "gateway/health/check.h"
#include "policy/balance.h"
#include "gateway/config/tree.h"
#include "gateway/forward/destinations.h"

namespace postern::gateway::config {

struct GlobalConfig {
  std::string hostname;               ///< Empty: the machine's.
  std::string management_host;        ///< Where this gateway's console is reached; empty: not told to anybody.
  std::uint16_t management_port = 443;
  std::uint16_t admin_port = 0;       ///< Of the REST API; 0: as the program was started.
  bool token_in_query = true;         ///< API tokens are also taken as ?access_token=.
  std::string admin_certificate;      ///< Of the REST API: of `certificate local`, or kFactoryCertificate.
};

struct FctemsConfig {
  int id = 0;                         ///< 1..7.
  bool enabled = false;
  std::string name;
  std::string server;                 ///< Host name or address; empty: not set up.
  std::uint16_t https_port = 443;
  IpAddress source_ip;                ///< Not valid: the kernel's choice.
  Seconds call_timeout{30};
  Seconds out_of_sync_threshold{180};
  bool trust_ca_cn = true;
  EmsSerial serial;                   ///< Empty: whichever EMS answers first is pinned.
  TenantId tenant;
  std::optional<Sha256> fingerprint;  ///< Of the certificate that an administrator accepted.
  std::optional<Sha256> issuer_key;   ///< SHA-256 of the public key (SPKI) that signed it.
  std::string trusted_pem;            ///< Of `certificate remote`: the EMS's certificate or its issuer's; PEM or a path.
};

enum class Action { kAccept, kDeny };
enum class MatchLogic { kAny, kAll };

/// Of `firewall address`, or of `firewall addrgrp` with everything that is in it.
struct AddressConfig {
  std::string name;
  bool all = false;             ///< Every address of both families; `ranges` is empty then.
  std::vector<IpRange> ranges;  ///< Of either family.
};

struct ServiceConfig {
  enum class Protocol { kAny, kTcpUdp, kIcmp, kIcmp6 };
  struct Ports {
    std::uint16_t first = 0, last = 0;
  };
  std::string name;
  Protocol protocol = Protocol::kAny;
  std::vector<Ports> tcp, udp;
  std::optional<std::uint8_t> icmp_type;  ///< Of kIcmp: of ICMP alone; without one: every type of ICMP and ICMPv6.
};

/// Of `firewall service group`: the services in it, those of groups in it included.
struct ServiceGroupConfig {
  std::string name;
  std::vector<std::string> services;
};

struct LogConfig {
  bool anonymize = false;             ///< No host names and UIDs in the traffic log.
  std::uint64_t max_bytes = 64u << 20;  ///< Of the traffic log, before it begins anew.
  bool api_reads = false, api_writes = false;  ///< Requests to the REST API are logged.
};

/// Of `log syslogd setting`.
struct SyslogConfig {
  bool enabled = false;
  std::string server;            ///< Host name or address.
  std::uint16_t port = 514;
  bool reliable = false;         ///< TCP; else UDP.
  unsigned facility = 23;        ///< Its number in RFC 5424.
  IpAddress source_ip;           ///< Not valid: the kernel's choice.
};

struct EndpointControlConfig {
  Seconds record_hold{600};
  Seconds unknown_cache{5};
  unsigned queries_per_second = 500;
};

struct CertificateConfig {
  std::string name;
  std::string certificate;  ///< PEM, or an absolute path.
  std::string private_key;  ///< Likewise.
};
/// The gateway's own self-signed certificate, always there under this name; its PEM is the core's.
inline constexpr std::string_view kFactoryCertificate = "Postern_Factory";

/// Of `firewall vip` or `firewall vip6`.
struct VipConfig {
  std::string name;
  IpAddress ext_ip;             ///< 0.0.0.0 or ::: every address of the family.
  std::uint16_t ext_port = 443;
  std::string certificate;      ///< Of `certificate local`, or kFactoryCertificate.
  bool v6_table = false;        ///< It stands in `firewall vip6`.
  std::string ext_interface = "any";  ///< "any": clients may come by every interface.
};

struct VirtualHostConfig {
  std::string name;
  std::string host;
  bool wildcard = false;        ///< Otherwise `host` occurs in the Host.
};

struct RealServerConfig {
  int id = 0;
  IpAddress ip;
  std::uint16_t port = 443;
  bool active = true;           ///< Or standby: it may take requests.
  unsigned weight = 1;          ///< 1..255.
  bool verify_certificate = true;  ///< Over TLS. The same for all active servers of an API gateway.
  bool standby = false;         ///< Only while no other one is alive.
  std::string http_host = {};   ///< Lower case, a port may stand behind it; empty: the client's.
  bool translate_host = true;   ///< Requests are sent with `http_host`.
  health::Protocol check = health::Protocol::kNone;
  bool holddown = true;
};

struct ApiGatewayConfig {
  int id = 0;
  std::string url_map;
  enum class UrlMap { kSubString, kWildcard, kRegex } url_map_type = UrlMap::kSubString;
  std::string virtual_host;     ///< Empty: every host.
  bool tls = false;             ///< Its servers speak TLS.
  TlsVersion min_tls = TlsVersion::k12, max_tls = TlsVersion::k13;
  policy::Balancing method = policy::Balancing::kWeighted;
  std::string server_ca;        ///< Who vouches for them: PEM or the path of a file; empty: the CAs of this machine.
  std::vector<RealServerConfig> servers;
  bool forwards = false;        ///< TCP: `servers` is empty, and `destinations` says where to.
  std::vector<ForwardDestination> destinations;  ///< Of the active real servers.
};

enum class EmptyCertificate { kBlock, kAccept, kAcceptUnmanageable };

/// Of `firewall access-proxy` or `firewall access-proxy6`: names are those of one table.
struct AccessProxyConfig {
  std::string name;
  bool v6_table = false;           ///< It stands in `firewall access-proxy6`.
  VipConfig vip;
  bool client_certificate = true;  ///< Asked for.
  EmptyCertificate empty_certificate = EmptyCertificate::kBlock;
  std::vector<ApiGatewayConfig> gateways;
};

/// A condition on tags. Of no tags: always true. With a second group: both hold.
struct TagCondition {
  std::vector<std::string> tags;       ///< Dynamic addresses: "EMS1_ZTNA_x".
  std::vector<std::string> secondary;  ///< Empty: no second group. Never without `tags`.
  MatchLogic logic = MatchLogic::kAny;
  bool negate = false;
  /// Of both groups.
  std::vector<std::string> all_tags() const {
    auto all = tags;
    all.insert(all.end(), secondary.begin(), secondary.end());
    return all;
  }
  friend bool operator==(const TagCondition&, const TagCondition&) = default;
};

struct UserGroupConfig {
  std::string name;
  std::vector<std::string> members;  ///< Of `user local`.
};

struct ProxyPolicyConfig {
  std::uint32_t id = 0;  ///< 1..4294967294.
  std::string name;
  bool enabled = true;
  std::string schedule = "always";
  std::vector<std::string> access_proxies, access_proxies6;
  std::vector<std::string> from;      ///< Interfaces; "any": all.
  std::vector<std::string> sources;   ///< Of `firewall address`.
  std::vector<std::string> destinations;  ///< Likewise, of real servers.
  std::vector<std::string> users, groups;  ///< Of `user local`, `user group`; both empty: whoever is signed in.
  TagCondition condition;
  Action action = Action::kDeny;
  bool log = false;                   ///< What it allows, too; refusals always are.
};

struct FirewallPolicyConfig {
  std::uint32_t id = 0;  ///< 1..4294967294.
  std::string name;
  bool enabled = true;
  std::string schedule = "always";
  std::vector<std::string> from, to;              ///< Interfaces; "any": all.
  std::vector<std::string> sources, destinations; ///< Of `firewall address` or `addrgrp`.
  std::vector<std::string> services;              ///< Of `firewall service custom` or `group`.
  TagCondition condition;
  Action action = Action::kDeny;
};

struct AdminConfig {
  std::string name;
  std::string password_hash;     ///< See config/secret.h; empty: may not sign in.
};
struct ApiUserConfig {
  std::string name;
  std::string key_hash;
};
struct InterfaceConfig {
  std::string name, alias, role;
  bool source_check = true;  ///< What it forwards from there must be routed back there.
};

struct GatewayConfig {
  GlobalConfig global;
  bool strict_source_check = false;        ///< A default route is no way back.
  std::vector<InterfaceConfig> interfaces;
  std::vector<AdminConfig> admins;
  std::vector<ApiUserConfig> api_users;
  std::vector<FctemsConfig> connectors;
  LogConfig log;
  SyslogConfig syslog;
  EndpointControlConfig endpoint_control;
  std::vector<AddressConfig> addresses;    ///< `all` and groups included.
  std::vector<ServiceConfig> services;     ///< Built-in ones included.
  std::vector<ServiceGroupConfig> service_groups;
  Schedules schedules;
  std::vector<CertificateConfig> certificates;  ///< Without kFactoryCertificate.
  std::vector<VirtualHostConfig> virtual_hosts;
  std::vector<AccessProxyConfig> access_proxies;
  std::vector<UserGroupConfig> user_groups;
  std::vector<ProxyPolicyConfig> proxy_policies;       ///< In order of evaluation, disabled ones included.
  std::vector<FirewallPolicyConfig> firewall_policies; ///< Likewise.
};

/// Of a validated tree: can't fail.
GatewayConfig read_config(const ConfigTree& tree);

/// An object by its name, for references in a validated configuration; nullptr when there is none.
template <class T>
const T* find_named(const std::vector<T>& objects, std::string_view name) {
  for (const auto& object : objects) {
    if (object.name == name) return &object;
  }
  return nullptr;
}

}  // namespace postern::gateway::config
