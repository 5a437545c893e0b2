#include "gateway/shell/fabric_certificates.h"

#include <fmt/format.h>

#include "pki/certificate.h"

namespace postern::gateway {
namespace {

tl::unexpected<Error> without_server(ConnectorId id) {
  return fail(ErrorCode::kNotFound, fmt::format("EMS {} has no server (config endpoint-control fctems)", id));
}

config::ObjectPath path_of(ConnectorId id) { return {{"endpoint-control fctems", std::to_string(id)}}; }

}  // namespace

void FabricCertificates::probe(const config::FctemsConfig& config, net::ProbeReply reply) {
  const std::uint64_t number = next_probe_++;
  probes_[number] = net::probe_certificate(context_.loop, channels_.target_of(config),
                                           [this, number, reply = std::move(reply)](Result<net::PeerIdentity> peer) {
                                             // Not inside its own call.
                                             context_.loop.post([this, number] { probes_.erase(number); });
                                             reply(std::move(peer));
                                           });
}

void FabricCertificates::test_connectivity(ConnectorId id, Done done) {
  const auto* config = context_.connector(id);
  if (config == nullptr) {
    return done(
        fail(ErrorCode::kNotFound, fmt::format("EMS {} is not configured (config endpoint-control fctems)", id)));
  }
  // The state of the standing connection is not enough: the whole way is tried anew.
  probe(*config, [this, id, accepted = accepted_of(*config), done = std::move(done)](Result<net::PeerIdentity> peer) {
    if (!peer) return done(fail(peer.error()));
    switch (judge_certificate(accepted, peer->chain_der)) {
      case Trust::kNothingAccepted:
        return done(fail(ErrorCode::kUnauthenticated,
                         fmt::format("the EMS certificate has not been accepted yet: execute fctems verify {}", id)));
      case Trust::kChanged:
        return done(fail(ErrorCode::kConflict, fmt::format("the EMS shows another certificate than the one accepted: "
                                                           "execute fctems verify {}",
                                                           id)));
      case Trust::kSame:
      case Trust::kRenewed:
        break;
    }
    done(connection_state(id));
  });
}

Status FabricCertificates::connection_state(ConnectorId id) const {
  const auto found = context_.core->connectors().find(id);
  if (found == context_.core->connectors().end()) return fail(ErrorCode::kNotFound, "the connector was removed");
  const auto& connector = found->second;
  const auto& client = *connector.client;
  if (connector.mismatched_serial) return fail(ErrorCode::kConflict, "another EMS answers at this address");
  if (!connector.settings.enabled) return fail(ErrorCode::kConflict, "the connector's status is disable");
  if (!client.connected()) {
    return fail(ErrorCode::kUnavailable, "the fabric channel is not connected: " + client.last_error());
  }
  using State = proto::FabricStatusInfo::State;
  switch (client.status().state) {
    case State::kAuthorised:
      return {};
    case State::kPending:
      return fail(ErrorCode::kPermissionDenied,
                  fmt::format("this gateway is not authorised on the EMS yet: an administrator authorises it at "
                              "https://{}:{}{} or under Fabric & Connectors > Fabric Devices",
                              connector.settings.server, connector.settings.port, client.status().authorise_path));
    case State::kConflict:
      return fail(ErrorCode::kConflict, "the EMS knows another gateway by this serial number");
    default:
      return fail(ErrorCode::kPermissionDenied, "the EMS refuses this gateway");
  }
}

void FabricCertificates::present(ConnectorId id, Presented done) {
  const auto* config = context_.connector(id);
  if (config == nullptr || config->server.empty()) return done(without_server(id));
  probe(*config, [accepted = config->fingerprint, done = std::move(done)](Result<net::PeerIdentity> peer) {
    if (!peer) return done(fail(peer.error()));
    const auto info = pki::parse_certificate(peer->chain_der.at(0));
    if (!info) return done(fail(info.error()));
    done(cli::PresentedCertificate{info->subject, info->issuer, info->not_before, info->not_after, info->serial.str(),
                                   info->sha256, accepted == info->sha256});
  });
}

void FabricCertificates::accept(ConnectorId id, const Sha256& fingerprint, Done done) {
  const auto* config = context_.connector(id);
  if (config == nullptr || config->server.empty()) return done(without_server(id));
  probe(*config, [this, id, fingerprint, done = std::move(done)](Result<net::PeerIdentity> peer) {
    if (!peer) return done(fail(peer.error()));
    const auto shown = sha256(peer->chain_der.at(0));
    if (shown != fingerprint) {
      return done(fail(ErrorCode::kConflict,
                       "the EMS shows another certificate, with fingerprint " + pki::fingerprint_text(shown)));
    }
    channels_.lift_stop(id);
    const auto kept = keep_acceptance(id, peer->chain_der);
    // The same certificate as before changes nothing in the configuration, but may lift a stop.
    context_.core->set_trusted(context_.now(), id, kept.has_value());
    context_.pump();
    done(kept);
  });
}

Status FabricCertificates::keep_acceptance(ConnectorId id, const std::vector<Bytes>& chain_der) {
  auto t = context_.store->begin(config::Actor::kGateway);
  const auto path = path_of(id);
  const auto issuer = issuer_key_of(chain_der);
  auto set = t.set(path, "certificate-fingerprint", {to_hex_lower(sha256(chain_der.at(0)))});
  if (set) {
    set = issuer ? t.set(path, "certificate-issuer-key", {to_hex_lower(*issuer)})
                 : t.unset(path, "certificate-issuer-key");
  }
  return set ? context_.store->commit(t) : set;
}

Status FabricCertificates::forget(ConnectorId id) {
  auto t = context_.store->begin(config::Actor::kGateway);
  if (auto unset = t.unset(path_of(id), "certificate-fingerprint"); !unset) return unset;
  if (auto unset = t.unset(path_of(id), "certificate-issuer-key"); !unset) return unset;
  if (auto kept = context_.store->commit(t); !kept) return kept;
  context_.core->forget(context_.now(), id);
  context_.pump();
  return {};
}

}  // namespace postern::gateway
