#include "gateway/config/ports.h"

#include <fmt/format.h>

namespace postern::gateway::config {
namespace {

bool overlap(const VipConfig& a, const VipConfig& b) {
  if (a.ext_port != b.ext_port || a.ext_ip.is_v6() != b.ext_ip.is_v6()) return false;
  return a.ext_ip == b.ext_ip || a.ext_ip.is_unspecified() || b.ext_ip.is_unspecified();
}

std::string described(const VipConfig& vip) {
  return fmt::format("firewall vip{} {}", vip.v6_table ? "6" : "", vip.name);
}

}  // namespace

Status check_ports(const GatewayConfig& config, std::uint16_t api_port) {
  std::vector<const VipConfig*> used;
  for (const auto& proxy : config.access_proxies) {
    const auto* vip = &proxy.vip;
    if (api_port != 0 && vip->ext_port == api_port) {
      return fail(ErrorCode::kConflict,
                  fmt::format("{}: extport {} is where this gateway's REST API listens (system global "
                              "admin-sport); choose another",
                              described(*vip), vip->ext_port));
    }
    for (const auto* other : used) {
      if (!overlap(*vip, *other)) continue;
      return fail(ErrorCode::kConflict,
                  vip->name == other->name && vip->v6_table == other->v6_table
                      ? fmt::format("{} is used by more than one access proxy", described(*vip))
                      : fmt::format("{}: extport {} is used by {}; choose another port or address", described(*vip),
                                    vip->ext_port, described(*other)));
    }
    used.push_back(vip);
  }
  return {};
}

}  // namespace postern::gateway::config
