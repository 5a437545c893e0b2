#include <fmt/format.h>

#include <algorithm>

#include "gateway/cli/commands/diagnose_lookup.h"

namespace postern::gateway::cli::commands {
namespace {

void find_uid(const CommandContext& c) {
  look_up_uid(c, 0, [](const EndpointTrace&) { return true; });
}

void find_ip_vdom(const CommandContext& c) {
  const auto ip = IpAddress::parse(c.arguments[0]);
  if (!ip) return c.fail(fmt::format("\"{}\" is not an IP address", c.arguments[0].substr(0, 80)));
  if (c.arguments.size() > 1 && c.arguments[1] != "root") {
    return c.fail(fmt::format("there is no virtual domain \"{}\"; allowed: root", c.arguments[1].substr(0, 80)));
  }
  print_devices(
      c,
      [&](const EndpointTrace& trace) {
        return std::find(trace.resolved.begin(), trace.resolved.end(), *ip) != trace.resolved.end();
      },
      fmt::format("{0} is resolved to no endpoint; diagnose endpoint why {0} says why", ip->str()));
}

}  // namespace

Command diagnose_endpoint_lls_comm_find_uid() {
  return {"diagnose endpoint lls-comm send ztna find-uid",
          "Show the endpoint with a UID, matched or not, in short.",
          {{"<uid>", "32 hex digits."}, {"[ems-sn]", "Serial number of its EMS."}, {"[tenant]", "Tenant of its EMS."}},
          find_uid};
}

Command diagnose_endpoint_lls_comm_find_ip_vdom() {
  return {"diagnose endpoint lls-comm send ztna find-ip-vdom",
          "Show the endpoint to which an address is resolved, in short.",
          {{"<ip>", "An IPv4 or IPv6 address."}, {"[vdom]", "root: a gateway has one virtual domain."}},
          find_ip_vdom};
}

}  // namespace postern::gateway::cli::commands
