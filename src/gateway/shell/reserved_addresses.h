#pragma once
// The addresses that no endpoint may have, kept up to date in the core: what the configuration names, where the EMSs
// turned out to be, and the kernel's next hops (docs/adr/0006).
#include <set>

#include "gateway/shell/context.h"
#include "gateway/shell/fabric_channels.h"

namespace postern::gateway {

/// Thread: loop.
class ReservedAddresses {
 public:
  /// Both outlive this. An EMS's address is reserved as soon as its channel is connected, before anything it says
  /// counts.
  ReservedAddresses(Context& context, FabricChannels& channels);

  void set_next_hops(const std::set<IpAddress>& hops);
  void update();  ///< After the configuration changed.

 private:
  Context& context_;
  FabricChannels& channels_;
  std::set<IpAddress> next_hops_;
};

}  // namespace postern::gateway
