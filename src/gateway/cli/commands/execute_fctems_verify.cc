#include <fmt/format.h>

#include <algorithm>

#include "base/hex.h"
#include "gateway/cli/commands/command.h"
#include "gateway/cli/print.h"

namespace postern::gateway::cli::commands {
namespace {

/// Where nothing is asked: what is pasted behind the command as its answer is told so.
void expect_needless_answer(const CommandContext& c, ConnectorId id, std::string_view why) {
  c.expect_answer([id, why = std::string(why)](bool yes) -> Reply {
    if (yes) return {fmt::format("Nothing was asked: {}.\n", why), {}, false, false};
    return {{}, fmt::format("nothing was asked: {}. To take that back: execute fctems unverify {}", why, id), false, false};
  });
}

/// `not_asked`: why nobody was asked; empty: somebody was.
void accept(const CommandContext& c, ConnectorId id, const Acceptance& acceptance, std::string printed = {},
            std::string not_asked = {}) {
  c.operations.accept_certificate(
      id, acceptance, {c.user, "cli"}, [c, id, printed = std::move(printed), not_asked](Status status) {
        if (!c.alive()) return;
        if (status && !not_asked.empty()) expect_needless_answer(c, id, not_asked);
        if (!status)
          return c.fail(fmt::format("the certificate of EMS {} was not accepted: {}", id, status.error().message));
        c.print(printed + fmt::format("The certificate of EMS {0} is accepted.\n"
                                      "Whether the EMS has authorised this gateway, and where it does: "
                                      "diagnose endpoint fctems test-connectivity {0}\n",
                                      id));
      });
}

/// <sha256> [serial] [tenant], behind the connector's number.
Result<Acceptance> read_acceptance(const std::vector<std::string>& arguments) {
  Acceptance acceptance;
  const auto bytes = from_hex(arguments[1]);
  if (!bytes || bytes->size() != acceptance.fingerprint.size()) {
    return fail(ErrorCode::kInvalidArgument,
                "the fingerprint is not allowed; allowed: a SHA-256 of 64 hex digits, with or without colons");
  }
  std::copy(bytes->begin(), bytes->end(), acceptance.fingerprint.begin());
  if (arguments.size() > 2) {
    if (!valid_ems_serial(arguments[2])) {
      return fail(ErrorCode::kInvalidArgument, "the serial number is not allowed; allowed: PSTEMS and 10 digits");
    }
    acceptance.serial = EmsSerial(arguments[2]);
  }
  if (arguments.size() > 3) {
    const auto tenant = from_hex(arguments[3]);
    if (!tenant || tenant->size() != 16) {
      return fail(ErrorCode::kInvalidArgument, "the tenant id is not allowed; allowed: 32 hex digits");
    }
    acceptance.tenant = TenantId(to_hex_lower(*tenant));
  }
  return acceptance;
}

void decide(const CommandContext& c, ConnectorId id, const PresentedCertificate& shown) {
  const std::string printed = print_certificate(shown);
  // Accepted before: once more does no harm, and starts a connector again that stopped at another certificate
  // meanwhile.
  if (shown.accepted && !shown.other_ems) {
    const auto why = fmt::format("this certificate of EMS {} was accepted before", id);
    return accept(c, id, {shown.fingerprint, {}, {}}, printed + "Nothing is asked: " + why + ".\n", why);
  }
  Acceptance acceptance{shown.fingerprint, {}, {}};
  std::string question = fmt::format("Trust this certificate as that of EMS {}? (y/n) ", id);
  if (shown.other_ems) {
    acceptance.serial = shown.ems_serial;
    acceptance.tenant = shown.tenant;
    question = fmt::format(
        "This is another EMS than until now. Take it as EMS {}, and forget what the one before said? (y/n) ", id);
  }
  c.ask(printed, question, [c, id, acceptance](std::string answer) {
    if (read_yes_or_no(answer) == true) return accept(c, id, acceptance);
    c.print(fmt::format("The certificate of EMS {} is not accepted; nothing has changed.\n", id));
  });
}

void verify_fctems(const CommandContext& c) {
  const auto connector = connector_with_server(c.store.current(), c.arguments[0]);
  if (!connector) return c.fail(connector.error().message);
  const auto id = *connector;
  if (c.arguments.size() > 1) {
    const auto acceptance = read_acceptance(c.arguments);
    if (!acceptance) return c.fail(acceptance.error().message);
    return accept(c, id, *acceptance, {},
                  fmt::format("the certificate of EMS {} has the fingerprint that was given", id));
  }
  c.operations.present_certificate(id, [c, id](Result<PresentedCertificate> shown) {
    if (!c.alive()) return;
    if (!shown) return c.fail(fmt::format("EMS {} shows no certificate: {}", id, shown.error().message));
    decide(c, id, *shown);
  });
}

}  // namespace

Command execute_fctems_verify() {
  return {"execute fctems verify",
          "Show the certificate of an EMS and who it says that it is, and accept it or not.",
          {{"<id>", "Number of the connector, 1 to 7."},
           {"[sha256]", "Accept exactly the certificate with this fingerprint, without asking."},
           {"[serial]", "Its serial number, where another EMS is known here until now."},
           {"[tenant]", "Its tenant, likewise."}},
          verify_fctems,
          "endpoint-control fctems"};
}

}  // namespace postern::gateway::cli::commands
