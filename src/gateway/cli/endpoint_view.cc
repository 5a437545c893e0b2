#include "gateway/cli/endpoint_view.h"

#include <algorithm>

namespace postern::gateway::cli {

EndpointView make_endpoint_view(const Record& record, const Resolver& resolver, const GatewaySerial& serial) {
  EndpointView view;
  view.record = record;
  for (const auto& interface : record.interfaces) {
    for (const auto& ip : interface.addresses) {
      const ResolvedAddress* resolved = resolver.find(ip);
      if (resolved && resolved->owner == record.key && !view.ip.valid()) {
        view.ip = ip;
        view.mac = resolved->mac.valid() ? resolved->mac : interface.mac;
      }
    }
  }
  for (const auto& route : record.routes) {
    RouteView out;
    out.ip = route.local_ip;
    out.vpn = route.vpn;
    for (const auto& interface : record.interfaces) {
      if (interface.name == route.interface) out.mac = interface.mac;
    }
    if (const auto* ours = resolver.interface_of(route)) {
      out.interface = ours->name;
      out.serial = serial;
    }
    if (!view.ip.valid() && out.ip.valid()) {
      view.ip = out.ip;
      view.mac = out.mac;
    }
    view.routes.push_back(std::move(out));
  }
  for (const auto& interface : record.interfaces) {
    if (!view.ip.valid() && !interface.addresses.empty()) {
      view.ip = interface.addresses.front();
      view.mac = interface.mac;
    }
  }
  if (!view.mac.valid()) {
    for (const auto& interface : record.interfaces) {
      if (interface.mac.valid() && !view.mac.valid()) view.mac = interface.mac;
    }
  }
  for (const auto& interface : record.interfaces) {
    const bool listed =
        std::find(view.other_macs.begin(), view.other_macs.end(), interface.mac) != view.other_macs.end();
    if (interface.mac.valid() && interface.mac != view.mac && !listed) view.other_macs.push_back(interface.mac);
  }
  if (const LocalInterface* ours = resolver.gateway_interface(record)) view.gateway_interface = ours->name;
  return view;
}

}  // namespace postern::gateway::cli
