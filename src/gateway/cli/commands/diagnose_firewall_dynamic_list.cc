#include <fmt/format.h>

#include "gateway/cli/commands/command.h"
#include "gateway/cli/print.h"

namespace postern::gateway::cli::commands {
namespace {

void list_dynamic_addresses(const CommandContext& c) {
  std::string out;
  for (const auto& address : c.operations.dynamic_addresses()) {
    if (c.arguments.empty() || c.arguments[0] == address.name || c.arguments[0] == address.tag) {
      out += print_dynamic_address(address);
    }
  }
  if (out.empty() && !c.arguments.empty()) {
    return c.fail(fmt::format("there is no dynamic address \"{}\"", c.arguments[0].substr(0, 80)));
  }
  c.print(std::move(out));
}

}  // namespace

Command diagnose_firewall_dynamic_list() {
  return {"diagnose firewall dynamic list",
          "List the resolved addresses of each tag.",
          {{"[name]", "Only this dynamic address or tag."}},
          list_dynamic_addresses};
}

}  // namespace postern::gateway::cli::commands
