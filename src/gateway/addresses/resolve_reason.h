#pragma once
// Why an endpoint is, or isn't, among the resolved addresses.
#include <string_view>

namespace postern::gateway {

enum class ResolveReason {
  kResolved,
  kNotOnline,           ///< Offline, quarantined, blocked or not registered.
  kConnectorStale,      ///< The EMS has been away for longer than the out-of-sync threshold.
  kZtnaOnly,            ///< Known only because it connected through the access proxy.
  kNoAddress,           ///< It reported no address on a network of ours.
  kReserved,            ///< It reported no address but those that no endpoint can have: ours, an EMS's, …
  kNeighbourUnknown,    ///< We asked the network; no answer yet.
  kNeighbourAbsent,     ///< Nobody answers for the address it claims.
  kNeighbourDiffers,    ///< Somebody else's hardware address answers.
  kNotTelemetrySource,  ///< Shared without adjacency, and its telemetry comes from another address.
  kContested,           ///< Another endpoint claims the same address with equal or better right.
  kQuarantined,         ///< The same machine is also enrolled as an endpoint that is in quarantine.
};
/// For people: "its telemetry comes from another address".
std::string_view resolve_reason_text(ResolveReason reason);

}  // namespace postern::gateway
