#include "gateway/addresses/infrastructure.h"

namespace postern::gateway {

std::set<IpAddress> configured_infrastructure(const config::GatewayConfig& config) {
  std::set<IpAddress> out;
  for (const auto& connector : config.connectors) {
    if (const auto ip = IpAddress::parse(connector.server)) out.insert(*ip);
  }
  for (const auto& proxy : config.access_proxies) {
    for (const auto& gateway : proxy.gateways) {
      for (const auto& server : gateway.servers) {
        if (server.ip.valid()) out.insert(server.ip);
      }
    }
  }
  if (const auto ip = IpAddress::parse(config.syslog.server); ip && config.syslog.enabled) out.insert(*ip);
  return out;
}

}  // namespace postern::gateway
