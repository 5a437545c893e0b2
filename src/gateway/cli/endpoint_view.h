#pragma once
// An endpoint as the command line shows it.
#include "gateway/addresses/resolver.h"
#include "gateway/cli/operations.h"

namespace postern::gateway::cli {

/// `resolver` tells which of our interfaces its routes lead to and which of its addresses is resolved.
EndpointView make_endpoint_view(const Record& record, const Resolver& resolver, const GatewaySerial& serial);

}  // namespace postern::gateway::cli
