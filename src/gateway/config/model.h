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
#include "gateway/config/tree.h"

namespace postern::gateway::config {

struct GlobalConfig {
  std::string hostname;               ///< Empty: the machine's.
  std::string management_host;        ///< Where this gateway's console is reached; empty: not told to anybody.
  std::uint16_t management_port = 443;
  std::uint16_t admin_port = 0;       ///< Of the REST API; 0: as the program was started.
  bool token_in_query = true;         ///< API tokens are also taken as ?access_token=.
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
};

enum class Action { kAccept, kDeny };
enum class MatchLogic { kAny, kAll };

/// An IPv4 or IPv6 range of `firewall address`; `all` is both families.
struct AddressConfig {
  std::string name;
  bool all = false;
  IpAddress first, last;
};

struct ServiceConfig {
  enum class Protocol { kAny, kTcpUdp, kIcmp };
  struct Ports {
    std::uint16_t first = 0, last = 0;
  };
  std::string name;
  Protocol protocol = Protocol::kAny;
  std::vector<Ports> tcp, udp;
};

struct CertificateConfig {
  std::string name;
  std::string certificate;  ///< PEM, or an absolute path.
  std::string private_key;  ///< Likewise.
};
/// The gateway's own self-signed certificate, always there under this name; its PEM is the core's.
inline constexpr std::string_view kFactoryCertificate = "Postern_Factory";

struct VipConfig {
  std::string name;
  IpAddress ext_ip;             ///< 0.0.0.0: every address.
  std::uint16_t ext_port = 443;
  std::string certificate;      ///< Of `certificate local`, or kFactoryCertificate.
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
  bool active = true;
  unsigned weight = 1;          ///< 1..255.
};

struct ApiGatewayConfig {
  int id = 0;
  std::string url_map;
  bool url_wildcard = false;    ///< Otherwise `url_map` occurs in the path.
  std::string virtual_host;     ///< Empty: every host.
  std::vector<RealServerConfig> servers;
};

enum class EmptyCertificate { kBlock, kAccept, kAcceptUnmanageable };

struct AccessProxyConfig {
  std::string name;
  std::string vip;
  bool client_certificate = true;  ///< Asked for.
  EmptyCertificate empty_certificate = EmptyCertificate::kBlock;
  std::vector<ApiGatewayConfig> gateways;
};

/// A condition on tags. Of no tags: always true.
struct TagCondition {
  std::vector<std::string> tags;   ///< Dynamic addresses: "EMS1_ZTNA_x".
  MatchLogic logic = MatchLogic::kAny;
  bool negate = false;
  friend bool operator==(const TagCondition&, const TagCondition&) = default;
};

struct ProxyPolicyConfig {
  int id = 0;
  std::string name;
  bool enabled = true;
  std::vector<std::string> access_proxies;
  std::vector<std::string> sources;   ///< Of `firewall address`.
  TagCondition condition;
  Action action = Action::kDeny;
  bool log = false;                   ///< What it allows, too; refusals always are.
};

struct FirewallPolicyConfig {
  int id = 0;
  std::string name;
  bool enabled = true;
  std::vector<std::string> from, to;              ///< Interfaces; "any": all.
  std::vector<std::string> sources, destinations; ///< Of `firewall address`.
  std::vector<std::string> services;              ///< Of `firewall service custom`.
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
};

struct GatewayConfig {
  GlobalConfig global;
  std::vector<InterfaceConfig> interfaces;
  std::vector<AdminConfig> admins;
  std::vector<ApiUserConfig> api_users;
  std::vector<FctemsConfig> connectors;
  std::vector<AddressConfig> addresses;    ///< `all` included.
  std::vector<ServiceConfig> services;     ///< Built-in ones included.
  std::vector<CertificateConfig> certificates;  ///< Without kFactoryCertificate.
  std::vector<VipConfig> vips;
  std::vector<VirtualHostConfig> virtual_hosts;
  std::vector<AccessProxyConfig> access_proxies;
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
