#pragma once
// The configuration of our nginx, made from the gateway's own: a pure function from a plain struct
// to the text.
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/ip.h"
#include "base/result.h"
#include "gateway/config/tls_version.h"
#include "gateway/health/check.h"
#include "policy/balance.h"

namespace postern::gateway {

struct NginxRealServer {
  IpAddress address;
  std::uint16_t port = 0;
  unsigned weight = 1;  ///< 1..255.
  bool standby = false;
  std::string host = {};     ///< With http-host balancing: whose requests it takes; without port, lower case.
  health::Check check = {};  ///< How its health is found out.
  bool holddown = true;
  std::uint32_t number = 0;  ///< Under which workers are told its health; the caller's to fill in.
};

/// How real servers are spoken to over TLS. They are told the name that the client asked for.
struct NginxServerTls {
  bool verify = true;   ///< Their certificate must be vouched for, and be for that name.
  std::string ca;       ///< With `verify`: who vouches for it, as configured; empty: the CAs of this machine.
  std::string ca_path;  ///< With `verify`: the PEM file of that. The caller's to fill in.
  config::TlsVersion min = config::TlsVersion::k12, max = config::TlsVersion::k13;
  auto operator<=>(const NginxServerTls&) const = default;
};

/// What an API gateway leads to; its number is that of policy::ApiGateway::pool.
struct NginxPool {
  std::uint32_t id = 0;  ///< 1 and up.
  std::vector<NginxRealServer> servers;
  std::optional<NginxServerTls> tls = {};  ///< nullopt: plain HTTP.
  policy::Balancing method = policy::Balancing::kWeighted;
  std::string host = {};  ///< Sent in the client's stead; empty: the client's.
  /// As print_destinations has them; not empty: TCP is forwarded to those, and there are no servers.
  std::string destinations = {};
};

/// One access proxy: an address that speaks TLS.
struct NginxListener {
  std::uint32_t proxy = 0;  ///< That of policy::Proxy::id.
  IpAddress address;
  std::uint16_t port = 0;
  std::string certificate_path;  ///< PEM chain, leaf first.
  std::string key_path;
  bool ask_for_certificate =
      true;  ///< False: clients are never asked for one (`set client-cert disable`).
  std::vector<std::uint32_t> pools = {};  ///< That its requests may be led to.
};

/// A worker of nginx needs no more of them: its connections, logs, memory that is shared.
inline constexpr std::size_t kOpenFilesOfNginx = 8192 + 512;

struct NginxConfig {
  std::string module_path;     ///< ngx_http_postern_module.so.
  std::string runtime_dir;     ///< Where ec-shm is.
  std::string state_dir;       ///< nginx's own: pid file, error log, temporary files.
  std::string client_ca_path;  ///< PEM bundle of the connectors' ZTNA CAs; empty: none yet, nobody
                               ///< can prove anything.
  std::string forwarder;       ///< Socket of the forwarder of TCP; needed for pools with destinations.
  unsigned workers = 1;        ///< 1..64.
  std::vector<NginxListener> listeners;
  std::vector<NginxPool> pools;
};

/// The text of nginx.conf. Errors: kInvalidArgument names what can't be said in it (a path with
/// quotes or control characters, two listeners at one address and port, a pool without servers,
/// ...).
Result<std::string> render_nginx_config(const NginxConfig& config);

}  // namespace postern::gateway
