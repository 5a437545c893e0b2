#include <algorithm>

#include <fmt/format.h>

#include "base/text.h"
#include "gateway/cli/commands/command.h"
#include "gateway/cli/print.h"

namespace postern::gateway::cli::commands {
namespace {

/// Does the endpoint fit one word? What kind of word it is shows in its form.
Result<bool> fits(const EndpointView& e, const std::string& word) {
  const Record& r = e.record;
  if (const auto ip = IpAddress::parse(word)) {
    if (e.ip == *ip) return true;
    for (const auto& interface : r.interfaces) {
      if (std::find(interface.addresses.begin(), interface.addresses.end(), *ip) != interface.addresses.end()) return true;
    }
    return false;
  }
  if (const auto mac = MacAddress::parse(word)) {
    return e.mac == *mac || std::find(e.other_macs.begin(), e.other_macs.end(), *mac) != e.other_macs.end();
  }
  if (valid_ems_serial(word)) return r.ems_serial.str() == word;
  if (const auto uid = parse_endpoint_uid(word); !uid.empty()) {
    return r.key.uid == uid || to_lower(r.tenant.str()) == to_lower(word);
  }
  return fail(ErrorCode::kInvalidArgument,
              fmt::format("\"{}\" is not a filter; allowed: an IP address, a hardware address, an EMS serial number, a "
                          "UID or a tenant id", word.substr(0, 80)));
}

void run(const CommandContext& c) {
  for (const auto& word : c.arguments) {
    if (const auto r = fits(EndpointView(), word); !r) return c.fail(r.error().message);
  }
  std::string out;
  std::size_t number = 0;
  for (const auto& endpoint : c.operations.matched_endpoints()) {
    const bool wanted = std::all_of(c.arguments.begin(), c.arguments.end(),
                                    [&](const std::string& word) { return *fits(endpoint, word); });
    if (wanted) out += print_endpoint(number++, endpoint);
  }
  c.print(std::move(out));
}

}  // namespace

Command diagnose_endpoint_ec_shm_list() {
  return {"diagnose endpoint ec-shm list",
          "List the matched endpoints.",
          {{"[ip]", "Only the endpoint with this IP address."},
           {"[mac]", "Only the endpoint with this hardware address."},
           {"[ems-sn]", "Only endpoints of the EMS with this serial number."},
           {"[tenant]", "Only endpoints of this tenant, or the one with this UID."}},
          run};
}

}  // namespace postern::gateway::cli::commands
