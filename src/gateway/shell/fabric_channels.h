#pragma once
// The connections to the EMSs: opened when the core says so, to nobody but the EMS whose certificate was accepted.
#include <functional>
#include <map>
#include <optional>

#include "gateway/shell/context.h"
#include "gateway/shell/trust.h"
#include "net/client.h"

namespace postern::gateway {

/// Thread: loop.
class FabricChannels {
 public:
  explicit FabricChannels(Context& context) : context_(context) {}

  void open(ConnectorId id);
  void send(ConnectorId id, Bytes bytes);
  void close(ConnectorId id, const std::string& reason);
  /// Before the core hears of it. Another place may show the accepted certificate: a stop by the one before is lifted.
  /// Another certificate may be accepted: a connection to who shows one that is not ends, and what was said there counts
  /// no more, unless the EMS has just shown the new one itself (`expect`).
  void on_configured(const config::FctemsConfig& config);
  /// The connector's state changed: what the EMS said of itself is kept.
  void on_changed(ConnectorId id);
  /// After a ZTNA CA was kept that is not the one before.
  std::function<void()> on_new_ca;
  /// A connection is there, and nothing has come by it yet: `seen` knows the EMS's address.
  std::function<void()> on_connected;

  /// Accepted by an administrator, and not replaced by another since.
  bool trusted(const config::FctemsConfig& config) const;
  /// An administrator accepted what the EMS shows now: a stop by a changed certificate is lifted.
  void lift_stop(ConnectorId id) { channels_[id].changed_certificate = false; }
  void stop(ConnectorId id) { channels_[id].changed_certificate = true; }
  /// The EMS shows this certificate now, to an administrator who is about to accept it.
  void expect(ConnectorId id, const Sha256& shown) { channels_[id].expected = shown; }

  struct Seen {
    bool changed_certificate = false;  ///< Another one was shown since the last acceptance.
    std::optional<Sha256> ztna_key;    ///< Of the ZTNA CA.
    std::optional<WallTime> stale_since;
    IpAddress ip;              ///< Where it was connected to last; not valid: nowhere yet.
    std::string verifying_ca;  ///< Who issued the certificate that it showed then; see verifying_ca_of.
  };
  Seen seen(ConnectorId id) const;

  /// How this connector's EMS is reached, without trust in anything. Only an EMS's HTTPS port speaks the protocol
  /// offered.
  net::Target target_of(const config::FctemsConfig& config) const;

 private:
  struct Channel : Seen {
    net::Handle opening;
    net::WebSocketPtr socket;
    config::FctemsConfig opened_for;  // where, and to whom, it was opened last
    std::vector<Bytes> chain_der;     // what the EMS showed when it was connected last
    std::optional<Sha256> expected;
  };
  void judge_again(const config::FctemsConfig& config, Channel& channel);
  void opened(ConnectorId id, Result<net::WebSocketPtr> result, bool changed_certificate);
  void keep_ca(ConnectorId id);

  Context& context_;
  std::map<ConnectorId, Channel> channels_;
};

AcceptedCertificate accepted_of(const config::FctemsConfig& config);
/// The name of the certificate in the chain that signed its leaf; empty when the leaf signed itself or the signer was
/// not sent.
std::string verifying_ca_of(const std::vector<Bytes>& chain_der);
/// The EMS's page on which this gateway is authorised; empty: it has not told.
std::string authorise_url(const GatewayCore::Connector& connector);

}  // namespace postern::gateway
