#include <algorithm>

#include <fmt/format.h>

#include "base/hex.h"
#include "base/text.h"
#include "gateway/cli/commands/command.h"
#include "gateway/cli/print.h"

namespace postern::gateway::cli::commands {
namespace {

void accept(const CommandContext& c, ConnectorId id, const Sha256& fingerprint, std::string printed = {}) {
  c.operations.accept_certificate(id, fingerprint, [c, id, printed = std::move(printed)](Status status) {
    if (!c.alive()) return;
    if (!status) return c.fail(fmt::format("the certificate of EMS {} was not accepted: {}", id, status.error().message));
    c.print(printed + fmt::format("The certificate of EMS {0} is accepted.\n"
                        "Whether the EMS has authorised this gateway, and where it does: "
                        "diagnose endpoint fctems test-connectivity {0}\n",
                        id));
  });
}

void run(const CommandContext& c) {
  const auto config = c.store.current();
  const auto connector = connector_argument(config, c.arguments[0]);
  if (!connector) return c.fail(connector.error().message);
  const auto id = static_cast<ConnectorId>(*parse_u64(connector->key()));
  if (connector->text("server").empty()) {
    return c.fail(fmt::format("EMS {} has no server yet (set server <name or address>)", id));
  }
  if (c.arguments.size() > 1) {
    const auto bytes = from_hex(c.arguments[1]);
    if (!bytes || bytes->size() != 32) {
      return c.fail("the fingerprint is not allowed; allowed: a SHA-256 of 64 hex digits, with or without colons");
    }
    Sha256 fingerprint;
    std::copy(bytes->begin(), bytes->end(), fingerprint.begin());
    return accept(c, id, fingerprint);
  }
  c.operations.present_certificate(id, [c, id](Result<PresentedCertificate> shown) {
    if (!c.alive()) return;
    if (!shown) return c.fail(fmt::format("EMS {} shows no certificate: {}", id, shown.error().message));
    const std::string printed = print_certificate(*shown);
    // Accepted before: once more does no harm, and starts a connector again that stopped at another certificate meanwhile.
    if (shown->accepted) return accept(c, id, shown->fingerprint, printed);
    c.ask(printed, fmt::format("Trust this certificate as that of EMS {}? (y/n) ", id),
          [c, id, fingerprint = shown->fingerprint](std::string answer) {
            answer = to_lower(trim(answer));
            if (answer == "y" || answer == "yes") return accept(c, id, fingerprint);
            c.print(fmt::format("The certificate of EMS {} is not accepted; nothing has changed.\n", id));
          });
  });
}

}  // namespace

Command execute_fctems_verify() {
  return {"execute fctems verify",
          "Show the certificate of an EMS, and accept it or not.",
          {{"<id>", "Number of the connector, 1 to 7."},
           {"[sha256]", "Accept exactly the certificate with this fingerprint, without asking."}},
          run};
}

}  // namespace postern::gateway::cli::commands
