#include <fmt/format.h>

#include "gateway/cli/commands/diagnose_lookup.h"

namespace postern::gateway::cli::commands {
namespace {

bool by_certificate(const EndpointTrace& trace) { return trace.matched; }

void query_by_uid(const CommandContext& c) { look_up_uid(c, 0, by_certificate); }

void query_by_ipv4(const CommandContext& c) {
  const auto ip = IpAddress::parse(c.arguments[0]);
  if (!ip || !ip->is_v4()) return c.fail(fmt::format("\"{}\" is not an IPv4 address", c.arguments[0].substr(0, 80)));
  print_devices(
      c, [&](const EndpointTrace& trace) { return by_certificate(trace) && trace.endpoint.ip == *ip; },
      fmt::format("no matched endpoint has the address {0}; diagnose endpoint why {0} says why", ip->str()));
}

}  // namespace

Command diagnose_wad_dev_query_by_uid() {
  return {"diagnose wad dev query-by uid",
          "Show the matched endpoint with a UID, in short: what access proxies decide by.",
          {{"<uid>", "32 hex digits."}, {"[ems-sn]", "Serial number of its EMS."}, {"[tenant]", "Tenant of its EMS."}},
          query_by_uid};
}

Command diagnose_wad_dev_query_by_ipv4() {
  return {"diagnose wad dev query-by ipv4",
          "Show the matched endpoint with an address, in short: what access proxies decide by.",
          {{"<ip>", "An IPv4 address."}},
          query_by_ipv4};
}

}  // namespace postern::gateway::cli::commands
