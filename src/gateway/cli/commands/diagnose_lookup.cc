#include "gateway/cli/commands/diagnose_lookup.h"

#include <fmt/format.h>

#include "base/text.h"
#include "gateway/cli/print_device.h"

namespace postern::gateway::cli::commands {

void print_devices(const CommandContext& c, const std::function<bool(const EndpointTrace&)>& wanted, std::string nobody) {
  std::string out;
  for (const auto& trace : c.operations.endpoint_traces([](const auto&) { return true; })) {
    if (wanted(trace)) out += print_device(trace);
  }
  if (out.empty()) return c.fail(std::move(nobody));
  c.print(std::move(out));
}

void look_up_uid(const CommandContext& c, std::size_t first, const std::function<bool(const EndpointTrace&)>& among) {
  const auto word = [&](std::size_t i) { return i < c.arguments.size() ? c.arguments[i] : std::string(); };
  const auto uid = parse_endpoint_uid(word(first));
  const auto serial = word(first + 1), tenant = word(first + 2);
  if (uid.empty()) return c.fail(fmt::format("\"{}\" is not a UID; allowed: 32 hex digits", word(first).substr(0, 80)));
  if (!serial.empty() && !valid_ems_serial(serial)) {
    return c.fail(fmt::format("\"{}\" is not an EMS serial number; allowed: PSTEMS and 10 digits", serial.substr(0, 80)));
  }
  if (!tenant.empty() && parse_endpoint_uid(tenant).empty()) {
    return c.fail(fmt::format("\"{}\" is not a tenant id; allowed: 32 hex digits", tenant.substr(0, 80)));
  }
  print_devices(
      c,
      [&](const EndpointTrace& trace) {
        const Record& r = trace.endpoint.record;
        return r.key.uid == uid && (serial.empty() || r.ems_serial.str() == serial) &&
               (tenant.empty() || to_lower(r.tenant.str()) == to_lower(tenant)) && among(trace);
      },
      fmt::format("there is no such endpoint here; diagnose endpoint why {} says why", uid.str()));
}

}  // namespace postern::gateway::cli::commands
