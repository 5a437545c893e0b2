#include <fmt/format.h>

#include "gateway/cli/commands/command.h"

namespace postern::gateway::cli::commands {
namespace {

void tell_whether_verified(const CommandContext& c) {
  const auto config = c.store.current();
  const auto connector = connector_argument(config, c.arguments[0]);
  if (!connector) return c.fail(connector.error().message);
  const auto fingerprint = connector->text("certificate-fingerprint"), remote = connector->text("certificate-remote");
  std::string how;
  if (!fingerprint.empty()) how = "accepted: " + fingerprint;
  if (!remote.empty()) how += fmt::format("{} by certificate remote {}", how.empty() ? "accepted" : ", and", remote);
  if (how.empty()) how = "not accepted";
  for (const auto& status : c.operations.connectors()) {
    if (std::to_string(status.id) != connector->key() || !status.certificate_changed) continue;
    return c.print(fmt::format("The EMS {0} shows another certificate than the one that is {1}: the connector is stopped; "
                               "execute fctems verify {0} shows it and asks.\n",
                               connector->key(), how));
  }
  c.print(fmt::format("The certificate of EMS {} is {}.\n", connector->key(), how));
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
