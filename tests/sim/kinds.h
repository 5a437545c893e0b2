#pragma once
// Everything that happens in a simulation, by kind: for counting, and for the trace.
#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace postern::sim {

enum class Kind : std::uint8_t {
  // The network.
  kDelivered,        ///< One message arrived.
  kOpened,           ///< A connection came up.
  kClosed,           ///< One end learned that a connection is over.
  kDelayed,          ///< A message that takes far longer than usual.
  kReordered,        ///< Something arrived after what the same host sent later, on another connection.
  kRefused,          ///< A connection attempt that failed.
  kCut,              ///< A connection broken, with what was in flight.
  kHalfOpen,         ///< Broken, and one end does not know for long.
  kPartition,        ///< A host and the EMS can't reach one another for a while.
  kSnapshotDamaged,  ///< A snapshot that reached the gateway without its content.
  kDeltaDamaged,     ///< A delta that lacks a part of what it says it makes.
  // Programs.
  kEmsKilled,  ///< Between inputs.
  kEmsKilledBeforeCommit,
  kEmsKilledAfterCommit,  ///< Committed, nothing of it said yet.
  kEmsKilledMidway,       ///< Some of it said.
  kEmsShutDown,           ///< With goodbyes.
  kDiskFull,
  kGatewayKilled,
  kGatewayRebooted,
  kGatewayStopped,  ///< SIGSTOP for a while.
  kKernelRefuses,   ///< nftables refuses a transaction.
  kAgentKilled,
  kMachineLost,  ///< A machine without power: nobody says goodbye for it.
  kWallJump,
  // The world.
  kPostureChanged,
  kAddressChanged,
  kRoamed,
  kNeighbourLost,
  kNeighbourSpoofed,
  kAddressClaimed,  ///< An endpoint says that it has another's address.
  kInterfacesChanged,
  kImpostor,  ///< Another key under an authorised gateway's serial number.
  kAccess,    ///< Somebody comes to the access proxy with a certificate.
  // Administration.
  kQuarantined,
  kReleased,
  kDeregistered,
  kRevoked,
  kEndpointRemoved,
  kTagSaved,
  kTagRenamed,
  kTagDeleted,
  kSharingChanged,
  kDeviceAuthorised,
  kDeviceUnauthorised,
  kDeviceRemoved,
  // What follows from all that.
  kEnrolled,
  kRenewed,
  kCertificateFound,  ///< A certificate asked for on demand, and found.
  kResumed,           ///< A gateway went on by a delta.
  kSnapshot,
  kStale,        ///< A connector past its threshold.
  kWentOffline,  ///< An endpoint past the offline timeout.
  kCommitFailed,
  kCount,
};
inline constexpr std::size_t kKinds = static_cast<std::size_t>(Kind::kCount);

/// What goes wrong by itself, in the network and with programs: every seed has each of them. All but reorderings: the
/// EMS ends an old connection as soon as the new one speaks, so that overtaking is a matter of milliseconds.
inline constexpr std::array kFaults = {Kind::kDelayed,
                                       Kind::kRefused,
                                       Kind::kCut,
                                       Kind::kHalfOpen,
                                       Kind::kPartition,
                                       Kind::kSnapshotDamaged,
                                       Kind::kDeltaDamaged,
                                       Kind::kEmsKilled,
                                       Kind::kEmsKilledBeforeCommit,
                                       Kind::kEmsKilledAfterCommit,
                                       Kind::kEmsKilledMidway,
                                       Kind::kEmsShutDown,
                                       Kind::kDiskFull,
                                       Kind::kGatewayKilled,
                                       Kind::kGatewayRebooted,
                                       Kind::kGatewayStopped,
                                       Kind::kKernelRefuses,
                                       Kind::kAgentKilled,
                                       Kind::kMachineLost,
                                       Kind::kWallJump};

/// "ems-killed-midway".
std::string_view kind_name(Kind kind);

}  // namespace postern::sim
