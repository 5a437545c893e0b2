#pragma once
// Which addresses of access proxies can't be listened at together. Pure.
#include "base/result.h"
#include "gateway/config/model.h"

namespace postern::gateway::config {

/// Error: kConflict, naming both, when two virtual addresses in use want one port of one address, or one of them wants
/// `api_port`, where the REST API listens (0: nowhere). Virtual addresses that no access proxy uses listen nowhere.
Status check_ports(const GatewayConfig& config, std::uint16_t api_port);

}  // namespace postern::gateway::config
