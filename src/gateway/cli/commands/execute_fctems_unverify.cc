#include <fmt/format.h>

#include "base/text.h"
#include "gateway/cli/commands/command.h"

namespace postern::gateway::cli::commands {
namespace {

void unverify_fctems(const CommandContext& c) {
  const auto config = c.store.current();
  const auto connector = connector_argument(config, c.arguments[0]);
  if (!connector) return c.fail(connector.error().message);
  const auto id = static_cast<ConnectorId>(*parse_u64(connector->key()));
  if (const auto status = c.operations.forget_certificate(id, {c.user, "cli"}); !status)
    return c.fail(status.error().message);
  const auto remote = connector->text("certificate-remote");
  c.print(fmt::format("The certificate of EMS {} is no longer accepted{}.\n", id,
                      remote.empty() ? "" : fmt::format("; its certificate-remote ({}) was unset, too", remote)));
}

}  // namespace

Command execute_fctems_unverify() {
  return {"execute fctems unverify",
          "Take back that the certificate of an EMS was accepted.",
          {{"<id>", "Number of the connector, 1 to 7."}},
          unverify_fctems,
          "endpoint-control fctems"};
}

}  // namespace postern::gateway::cli::commands
