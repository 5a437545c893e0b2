#include "gateway/cli/commands/command.h"

namespace postern::gateway::cli::commands {
namespace {

void test_connectivity(const CommandContext& c) {
  const auto id = connector_with_server(c.store.current(), c.arguments[0]);
  if (!id) return c.fail(id.error().message);
  c.operations.test_connectivity(*id, [c](Status status) {
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
          test_connectivity,
          "endpoint-control fctems"};
}

}  // namespace postern::gateway::cli::commands
