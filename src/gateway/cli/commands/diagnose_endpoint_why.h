#pragma once
// The texts of `diagnose endpoint why`: readable, and of no fixed format.
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "gateway/cli/commands/command.h"
#include "gateway/cli/lines.h"

namespace postern::gateway::cli::commands {

/// All that an administrator may mean by a word; several at once, as "fe:dc:ba:98:76:54" is also a serial number.
struct Sought {
  std::string word;                 ///< As given.
  std::optional<IpAddress> ip;
  std::optional<MacAddress> mac;
  EndpointUid uid;
  std::string serial;               ///< Of a certificate: upper-case hex without leading zeros.
  std::optional<Sha256> leaf;       ///< Fingerprint of a certificate.

  /// "an endpoint with the address 10.0.1.2".
  std::string text() const;
};
/// Errors: kInvalidArgument (too long to be anything).
Result<Sought> read_sought(const std::string& word);

/// How well an endpoint fits; higher is better.
enum class Fit { kNone, kTelemetrySource, kHostName, kOwn };
Fit fit(const EndpointView& endpoint, const Sought& sought);

/// "EMS 1 (EMS)"; the number alone while it has no name.
std::string ems_text(const std::vector<ConnectorStatus>& connectors, ConnectorId id);

/// An endpoint that this gateway was told of: in which lists it is, in which not, why, per tag, and what to do.
void explain_known(Lines& out, const CommandContext& c, const Sought& sought, const EndpointTrace& trace);
/// Nobody told this gateway of such an endpoint. `replies`: what the EMSs said of the certificate, if they were asked.
void explain_unknown(Lines& out, const CommandContext& c, const Sought& sought,
                     const std::vector<CertificateReply>& replies);

}  // namespace postern::gateway::cli::commands
