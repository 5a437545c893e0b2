#include "kinds.h"

#include <array>

namespace postern::sim {

std::string_view kind_name(Kind kind) {
  static constexpr std::array<std::string_view, kKinds> kNames = {"delivered",
                                                                  "opened",
                                                                  "closed",
                                                                  "delayed",
                                                                  "reordered",
                                                                  "refused",
                                                                  "cut",
                                                                  "half-open",
                                                                  "partition",
                                                                  "snapshot-damaged",
                                                                  "delta-damaged",
                                                                  "ems-killed",
                                                                  "ems-killed-before-commit",
                                                                  "ems-killed-after-commit",
                                                                  "ems-killed-midway",
                                                                  "ems-shut-down",
                                                                  "disk-full",
                                                                  "gateway-killed",
                                                                  "gateway-rebooted",
                                                                  "gateway-stopped",
                                                                  "kernel-refuses",
                                                                  "agent-killed",
                                                                  "machine-lost",
                                                                  "wall-jump",
                                                                  "posture-changed",
                                                                  "address-changed",
                                                                  "roamed",
                                                                  "neighbour-lost",
                                                                  "neighbour-spoofed",
                                                                  "address-claimed",
                                                                  "interfaces-changed",
                                                                  "impostor",
                                                                  "access",
                                                                  "quarantined",
                                                                  "released",
                                                                  "deregistered",
                                                                  "revoked",
                                                                  "endpoint-removed",
                                                                  "tag-saved",
                                                                  "tag-renamed",
                                                                  "tag-deleted",
                                                                  "sharing-changed",
                                                                  "device-authorised",
                                                                  "device-unauthorised",
                                                                  "device-removed",
                                                                  "enrolled",
                                                                  "renewed",
                                                                  "certificate-found",
                                                                  "resumed",
                                                                  "snapshot",
                                                                  "stale",
                                                                  "went-offline",
                                                                  "commit-failed"};
  return kNames[static_cast<std::size_t>(kind)];
}

}  // namespace postern::sim
