#include "gateway/shell/reserved_addresses.h"

#include "gateway/addresses/infrastructure.h"

namespace postern::gateway {

ReservedAddresses::ReservedAddresses(Context& context, FabricChannels& channels)
    : context_(context), channels_(channels) {
  channels_.on_connected = [this] { update(); };
}

void ReservedAddresses::set_next_hops(const std::set<IpAddress>& hops) {
  next_hops_ = hops;
  update();
}

void ReservedAddresses::update() {
  auto addresses = configured_infrastructure(context_.config);
  addresses.insert(next_hops_.begin(), next_hops_.end());
  for (const auto& c : context_.config.connectors) {
    if (const auto ip = channels_.seen(c.id).ip; ip.valid()) addresses.insert(ip);
  }
  context_.core->set_reserved(std::move(addresses));
}

}  // namespace postern::gateway
