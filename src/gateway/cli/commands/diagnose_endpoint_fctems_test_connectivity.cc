#include <fmt/format.h>

#include "base/text.h"
#include "gateway/cli/commands/command.h"

namespace postern::gateway::cli::commands {
namespace {

void test_connectivity(const CommandContext& c) {
  const auto config = c.store.current();
  const auto connector = connector_argument(config, c.arguments[0]);
  if (!connector) return c.fail(connector.error().message);
  const auto id = static_cast<ConnectorId>(*parse_u64(connector->key()));
  if (connector->text("server").empty()) {
    return c.fail(fmt::format("EMS {} has no server yet (set server <name or address>)", id));
  }
  c.operations.test_connectivity(id, [c](Status status) {
    if (!c.alive()) return;
    if (!status) return c.fail("Connection test failed: " + status.error().message);
    c.print("Connection test was successful.\n");
  });
}

}  // namespace

Command diagnose_endpoint_fctems_test_connectivity() {
  return {"diagnose endpoint fctems test-connectivity",
          "Connect to an EMS and see whether it is the one that was accepted.",
          {{"<id>", "Number of the connector, 1 to 7."}},
          test_connectivity};
}

}  // namespace postern::gateway::cli::commands
