// What this gateway knows of ways to endpoints: their routes through it, and whose an address is.
#include <fmt/format.h>

#include "gateway/cli/commands/diagnose_fcnacd.h"
#include "gateway/cli/lines.h"

namespace postern::gateway::cli::commands {
namespace {

std::vector<EndpointTrace> all_traces(const CommandContext& c) {
  return c.operations.endpoint_traces([](const auto&) { return true; });
}

void show_route_cache(const CommandContext& c) {
  Lines out;
  out.add("Route Cache:");
  std::size_t number = 0;
  for (const auto& trace : all_traces(c)) {
    for (const auto& route : trace.endpoint.routes) {
      if (route.interface.empty()) continue;  // leads to somebody else
      out.add(fmt::format("{}: uid:{}", number++, trace.endpoint.record.key.uid.str()));
      out.add(fmt::format("- IP:{}, MAC: {}, VPN: {}", route.ip.str(), route.mac.valid() ? route.mac.str() : "",
                          route.vpn ? "yes" : "no"));
      out.add(fmt::format("- Interface:{}, VDOM:root (0), SN: {}", route.interface, route.serial.str()));
    }
  }
  c.print(out.take());
}

void show_gateway_caches(const CommandContext& c) {
  Lines out;
  const auto traces = all_traces(c);
  std::size_t number = 0;
  out.add("Gateway VPN Cache:");
  for (const auto& trace : traces) {
    std::size_t routes = 0;
    for (const auto& route : trace.endpoint.routes) {
      if (!route.vpn || route.interface.empty()) continue;
      if (routes == 0) {
        out.add(fmt::format("{}:", number++));
        out.add(fmt::format("uid: {}", trace.endpoint.record.key.uid.str()));
      }
      out.add(fmt::format("route#{}: root/{}/{}/{}", routes++, route.interface, route.serial.str(), route.ip.str()));
    }
  }
  for (const bool v4 : {true, false}) {
    number = 0;
    out.add(fmt::format("Gateway IPv{} Cache:", v4 ? 4 : 6));
    for (const auto& trace : traces) {
      for (const auto& ip : trace.resolved) {
        if (ip.is_v4() != v4) continue;
        out.add(fmt::format("{}: root_{}: {}", number++, ip.str(), trace.endpoint.record.key.uid.str()));
      }
    }
  }
  c.print(out.take());
}

}  // namespace

FcnacdTest fcnacd_route_cache() {
  return {"8", "Show the route cache: endpoints whose default route leads through this gateway.", show_route_cache};
}

FcnacdTest fcnacd_gateway_caches() {
  return {"33", "Show the gateway VPN, IPv4 and IPv6 caches: which endpoint has which address.", show_gateway_caches};
}

}  // namespace postern::gateway::cli::commands
