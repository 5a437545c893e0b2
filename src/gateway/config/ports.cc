#include "gateway/config/ports.h"

#include <fmt/format.h>

namespace postern::gateway::config {
namespace {

bool overlap(const VipConfig& a, const VipConfig& b) {
  if (a.ext_port != b.ext_port || a.ext_ip.is_v6() != b.ext_ip.is_v6()) return false;
  return a.ext_ip == b.ext_ip || a.ext_ip.is_unspecified() || b.ext_ip.is_unspecified();
}

}  // namespace

Status check_ports(const GatewayConfig& config, std::uint16_t api_port) {
  std::vector<const VipConfig*> used;
  for (const auto& proxy : config.access_proxies) {
    const auto* vip = find_named(config.vips, proxy.vip);
    if (vip == nullptr) continue;
    if (api_port != 0 && vip->ext_port == api_port) {
      return fail(ErrorCode::kConflict,
                  fmt::format("firewall vip {}: extport {} is where this gateway's REST API listens (system global "
                              "admin-sport); choose another",
                              vip->name, vip->ext_port));
    }
    for (const auto* other : used) {
      if (!overlap(*vip, *other)) continue;
      return fail(ErrorCode::kConflict,
                  vip == other
                      ? fmt::format("firewall vip {} is used by more than one access proxy", vip->name)
                      : fmt::format("firewall vip {}: extport {} is used by firewall vip {}; choose another port "
                                    "or address",
                                    vip->name, vip->ext_port, other->name));
    }
    used.push_back(vip);
  }
  return {};
}

}  // namespace postern::gateway::config
