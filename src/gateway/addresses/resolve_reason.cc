#include "gateway/addresses/resolve_reason.h"

namespace postern::gateway {

std::string_view resolve_reason_text(ResolveReason reason) {
  switch (reason) {
    case ResolveReason::kResolved: return "resolved";
    case ResolveReason::kNotOnline: return "it is offline, quarantined, blocked or not registered";
    case ResolveReason::kConnectorStale:
      return "its EMS has been out of reach for longer than the out-of-sync threshold";
    case ResolveReason::kZtnaOnly: return "it is known only by its connection through the access proxy";
    case ResolveReason::kNoAddress: return "it reports no address on a network of this gateway";
    case ResolveReason::kReserved:
      return "the address it claims is this gateway's own, or that of an EMS, a next hop or a real server";
    case ResolveReason::kNeighbourUnknown: return "the network has been asked for its address and has not answered yet";
    case ResolveReason::kNeighbourAbsent: return "nobody on the network answers for the address it claims";
    case ResolveReason::kNeighbourDiffers: return "another hardware address answers for the address it claims";
    case ResolveReason::kNotTelemetrySource: return "its telemetry comes from another address than it claims";
    case ResolveReason::kContested: return "another endpoint claims the same address";
    case ResolveReason::kQuarantined:
      return "an endpoint in quarantine has the same address and hardware address: it is one machine, enrolled twice";
  }
  return "unknown";
}

}  // namespace postern::gateway
