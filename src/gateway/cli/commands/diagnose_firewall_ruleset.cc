#include <fmt/format.h>

#include "gateway/cli/commands/command.h"

namespace postern::gateway::cli::commands {
namespace {

/// What is staged is judged like what is committed: half a policy could look like one for everybody.
void with_configuration(const CommandContext& c, bool difference) {
  const auto configuration = c.configuration();
  if (!configuration) {
    return c.fail(fmt::format("as it stands, what is staged can't be committed: {}", configuration.error().message));
  }
  c.operations.firewall_ruleset(**configuration, difference, [c, difference](Result<std::string> text) {
    if (!c.alive()) return;
    if (!text) return c.fail(text.error().message);
    if (difference && text->empty()) return c.print("The kernel holds what this configuration makes.\n");
    c.print(std::move(*text));
  });
}

void print_ruleset(const CommandContext& c) { with_configuration(c, false); }
void print_difference(const CommandContext& c) { with_configuration(c, true); }

}  // namespace

Command diagnose_firewall_ruleset() {
  Command command{"diagnose firewall ruleset",
                  "Print what the configuration, with what is staged here, makes of the firewall, as nft -c -f takes it.",
                  {},
                  print_ruleset};
  command.while_staged = true;
  return command;
}

Command diagnose_firewall_difference() {
  Command command{"diagnose firewall difference",
                  "Print where that differs from what the kernel holds: nothing is changed.",
                  {},
                  print_difference};
  command.while_staged = true;
  return command;
}

}  // namespace postern::gateway::cli::commands
