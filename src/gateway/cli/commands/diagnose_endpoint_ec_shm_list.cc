#include <algorithm>

#include "gateway/cli/commands/command.h"
#include "gateway/cli/endpoint_filter.h"
#include "gateway/cli/print.h"

namespace postern::gateway::cli::commands {
namespace {

void list_ec_shm(const CommandContext& c) {
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
          {{"[ip]", "Only the endpoint with this IP address; filters come in any order, - stands for none."},
           {"[mac]", "Only the endpoint with this hardware address."},
           {"[ems-sn]", "Only endpoints of the EMS with this serial number."},
           {"[tenant]", "Only endpoints of this tenant, or the one with this UID."}},
          list_ec_shm};
}

}  // namespace postern::gateway::cli::commands
