#include <fmt/format.h>

#include <algorithm>

#include "gateway/cli/commands/command.h"
#include "gateway/cli/print.h"

namespace postern::gateway::cli::commands {
namespace {

void list_dynamic_addresses(const CommandContext& c) {
  std::string out;
  for (const auto& address : c.operations.dynamic_addresses()) {
    if (c.arguments.empty() || c.arguments[0] == "-" || c.arguments[0] == address.name || c.arguments[0] == address.tag) {
      out += print_dynamic_address(address);
    }
  }
  if (out.empty() && !c.arguments.empty()) {
    const auto named = c.operations.tags_not_shared();
    const bool by_policy = std::find(named.begin(), named.end(), c.arguments[0]) != named.end();
    return c.fail(fmt::format("there is no dynamic address \"{}\"{}; diagnose firewall dynamic list prints those that are "
                              "shared",
                              c.arguments[0].substr(0, 80),
                              by_policy ? ": a policy names it, and no EMS has shared such a tag" : ""));
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
