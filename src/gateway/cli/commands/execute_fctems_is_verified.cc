#include <fmt/format.h>

#include "gateway/cli/commands/command.h"

namespace postern::gateway::cli::commands {
namespace {

void tell_whether_verified(const CommandContext& c) {
  const auto config = c.store.current();
  const auto connector = connector_argument(config, c.arguments[0]);
  if (!connector) return c.fail(connector.error().message);
  const bool accepted = connector->is_set("certificate-fingerprint");
  c.print(fmt::format("The certificate of EMS {} is {}.\n", connector->key(),
                      accepted ? "accepted: " + connector->text("certificate-fingerprint") : "not accepted"));
}

}  // namespace

Command execute_fctems_is_verified() {
  return {"execute fctems is-verified",
          "Was the certificate of an EMS accepted?",
          {{"<id>", "Number of the connector, 1 to 7."}},
          tell_whether_verified,
          "endpoint-control fctems"};
}

}  // namespace postern::gateway::cli::commands
