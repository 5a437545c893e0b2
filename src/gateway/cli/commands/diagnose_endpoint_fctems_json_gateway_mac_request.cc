#include <fmt/format.h>

#include <boost/json.hpp>

#include "base/text.h"
#include "gateway/cli/commands/command.h"

namespace postern::gateway::cli::commands {
namespace {

std::string json_text(const std::string& text) { return boost::json::serialize(boost::json::string(text)); }

/// One interface per line: people read this, and compare it with what the EMS shows.
void show_own_interfaces(const CommandContext& c) {
  const auto status = c.operations.system_status();
  std::string out = fmt::format("{{\n  \"serial_number\": {},\n  \"host_name\": {},\n  \"interfaces\": [",
                                json_text(status.serial.str()), json_text(status.hostname));
  bool first = true;
  for (const auto& interface : c.operations.own_interfaces()) {
    std::vector<std::string> addresses;
    for (const auto& a : interface.addresses) addresses.push_back(json_text(fmt::format("{}/{}", a.ip.str(), a.prefix)));
    out += fmt::format("{}\n    {{\"name\": {}, \"mac\": {}, \"addresses\": [{}]}}", first ? "" : ",",
                       json_text(interface.name), json_text(interface.mac.valid() ? interface.mac.str() : ""),
                       join(addresses, ", "));
    first = false;
  }
  c.print(out + (first ? "]\n}\n" : "\n  ]\n}\n"));
}

}  // namespace

Command diagnose_endpoint_fctems_json_gateway_mac_request() {
  return {"diagnose endpoint fctems json gateway-mac-request",
          "Show, as JSON, what every EMS is told of this gateway's interfaces.",
          {},
          show_own_interfaces};
}

}  // namespace postern::gateway::cli::commands
