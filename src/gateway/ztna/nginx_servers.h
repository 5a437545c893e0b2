#pragma once
// What nginx's configuration says of the real servers: where they are, and how they are spoken to.
#include <map>
#include <string>
#include <vector>

#include "gateway/ztna/nginx_config.h"

namespace postern::gateway {

/// The upstreams of all pools, and the named locations through which those lead that speak TLS. What nginx can say of TLS
/// to a server it says of a location, not of an upstream.
class NginxServers {
 public:
  /// Checked ones: see render_nginx_config.
  explicit NginxServers(const std::vector<NginxPool>& pools, std::string forwarder = {});

  std::string upstreams() const;
  /// What is sent to real servers; `more`: also that a connection is upgraded, or ends with the answer. A location that sets
  /// one header of its own has to set them all.
  static std::string headers(std::string_view indent, bool more);
  /// Of a `server` that may lead to these pools: @more, for gRPC, and for TLS what they need. No others: nginx reads the CAs for each
  /// location anew, some 20 ms and 0.9 MB for all that Debian trusts.
  Result<std::string> locations(const std::vector<std::uint32_t>& pools) const;

 private:
  const std::vector<NginxPool>& pools_;
  const std::string forwarder_;
  std::map<NginxServerTls, std::string> names_;                // of the named locations
  std::map<std::uint32_t, const NginxServerTls*> of_pool_;     // those that speak TLS
};

/// nginx's syntax has its own ideas of quotes, variables and ends of lines: paths that need any of them are refused.
/// `what` says in the error which one it is.
Result<std::string> quoted_path(const std::string& path, std::string_view what);

/// "10.0.3.10:443", "[2001:db8::1]:443".
std::string endpoint_text(const IpAddress& address, std::uint16_t port);

}  // namespace postern::gateway
