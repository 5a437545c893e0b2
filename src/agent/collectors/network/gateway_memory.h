#pragma once
// The hardware addresses of default gateways, kept for a moment when the kernel's neighbour table has none: an entry
// that is flushed, collected or asked for anew says nothing about the gateway, and comes back when that answers. Pure.
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "agent/collectors/network/table.h"
#include "base/clock.h"

namespace postern::agent {

/// How long a gateway's address is believed that the neighbour table lacks: three rounds of the kernel's questions
/// (three of a second each), so that a gateway that is there has answered, and one that is gone is not claimed long.
inline constexpr Seconds kGatewayGrace{10};

/// Remembers by interface and gateway address. Nothing is kept of a route that changed, or whose link was down.
class GatewayMemory {
 public:
  /// Takes what the table says now and returns the addresses to report where it says none. `fallen`: the links that
  /// were down or gone since the last call, whatever they are now.
  NetworkTable::GatewayMacs keep(const NetworkTable& table, const std::set<int>& fallen, MonoTime now);
  /// When the first of those kept is no longer to be reported: `keep` is to be called then. Nothing: none is kept.
  std::optional<MonoTime> until() const;

 private:
  struct Known {
    MacAddress mac;
    std::uint32_t falls = 0;
    std::optional<MonoTime> until;  // while the table lacks it
  };
  std::map<std::pair<int, IpAddress>, Known> known_;
};

}  // namespace postern::agent
