#pragma once
// The running gateway: sockets, files, nftables, ec-shm and nginx around GatewayCore.
#include <chrono>
#include <filesystem>
#include <memory>
#include <string>

#include "base/result.h"

namespace postern::gateway {

struct DaemonOptions {
  std::filesystem::path data_dir;     ///< Identity, configuration, kept views. 0700.
  std::filesystem::path runtime_dir;  ///< ec-shm, the command line's socket, runtime.json.
  std::string module_path;            ///< ngx_http_postern_module.so.
  std::string nginx_binary = "/usr/sbin/nginx";
  std::string nginx_user = "www-data";
  unsigned nginx_workers = 2;
  std::string system_cas = "/etc/ssl/certs/ca-certificates.crt";  ///< The CAs that this machine trusts; PEM.
  std::string api_listen = "127.0.0.1:8444";  ///< Of the REST API; port 0: a free one.
  /// False: no IP/MAC control. Then nothing in nftables and the neighbour table is touched, also not what a killed
  /// gateway left: the next one with IP/MAC control takes that over.
  bool firewall = true;
  std::chrono::milliseconds health_interval{5'000};  ///< From one check of a real server to the next.
  std::chrono::milliseconds holddown{30'000};        ///< So long a real server has to be well again before it is used.
  std::size_t records_at_once = 4096;                ///< GatewayCore::kAtOnce.
};

/// Runs until SIGTERM or SIGINT. Returns the exit status; what went wrong has been logged.
int run_gateway(const DaemonOptions& options);

}  // namespace postern::gateway
