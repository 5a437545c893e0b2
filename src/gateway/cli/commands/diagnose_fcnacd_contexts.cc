#include "gateway/cli/commands/diagnose_fcnacd.h"
#include "gateway/cli/print.h"

namespace postern::gateway::cli::commands {
namespace {

void show_contexts(const CommandContext& c) {
  std::string out = "EMS context status:\n";
  const auto config = c.store.current();
  for (const auto& connector : c.operations.connectors()) {
    const auto entry = connector_argument(config, std::to_string(connector.id));
    out += print_connector(connector, entry && entry->enabled("trust-ca-cn"));
  }
  c.print(std::move(out));
}

}  // namespace

FcnacdTest fcnacd_contexts() { return {"2", "Show the status of each EMS.", show_contexts}; }

}  // namespace postern::gateway::cli::commands
