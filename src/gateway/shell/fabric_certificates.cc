#include "gateway/shell/fabric_certificates.h"

#include <fmt/format.h>

#include "base/text.h"
#include "pki/certificate.h"

namespace postern::gateway {
namespace {

tl::unexpected<Error> without_server(ConnectorId id) {
  return fail(ErrorCode::kNotFound, fmt::format("EMS {} has no server (config endpoint-control fctems)", id));
}

/// A probe trusts every certificate: who is refused does not speak the fabric's protocol.
Error at_this_port(Error error, ConnectorId id) {
  if (error.code != ErrorCode::kUnauthenticated) return error;
  error.message += fmt::format(
      ": this is not the HTTPS port of an EMS, where its pages and the fabric answer (nor is its telemetry port): "
      "config "
      "endpoint-control fctems, edit {}, set https-port <port>",
      id);
  return error;
}

/// "PSTEMS0123456789 of tenant 0000…".
std::string ems_text(const EmsSerial& serial, const TenantId& tenant) {
  return serial.str() + (tenant.empty() ? "" : " of tenant " + tenant.str());
}

std::string other_ems_text(const GatewayCore::Connector& connector) {
  const auto& said = connector.client->status();
  return fmt::format("another EMS answers at this address: it says that it is {}, and until now it was {}",
                     ems_text(said.ems_serial, said.tenant),
                     ems_text(connector.settings.expected_serial, connector.settings.expected_tenant));
}

config::ObjectPath path_of(ConnectorId id) { return {{"endpoint-control fctems", std::to_string(id)}}; }

}  // namespace

void FabricCertificates::probe(const config::FctemsConfig& config, net::ProbeReply reply) {
  const std::uint64_t number = next_probe_++;
  probes_[number] = net::probe_certificate(context_.loop, channels_.target_of(config),
                                           [this, number, id = config.id, reply = std::move(reply)](auto peer) {
                                             // Not inside its own call.
                                             context_.loop.post([this, number] { probes_.erase(number); });
                                             if (!peer) return reply(fail(at_this_port(peer.error(), id)));
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
  if (connector.other_ems()) {
    return fail(ErrorCode::kConflict,
                fmt::format("{}; the connector is stopped until an administrator decides: execute "
                            "fctems verify {} shows both and asks",
                            other_ems_text(connector), id));
  }
  if (connector.same_as != 0) {
    return fail(ErrorCode::kConflict,
                fmt::format("the EMS that answers is that of EMS {} already, and takes one connector of a gateway: this one "
                            "is stopped; delete one of the two, or set another server",
                            connector.same_as));
  }
  if (!connector.settings.enabled) return fail(ErrorCode::kConflict, "the connector's status is disable");
  if (!client.connected()) {
    return fail(ErrorCode::kUnavailable, "the fabric channel is not connected: " + client.last_error());
  }
  using State = proto::FabricStatusInfo::State;
  switch (client.status().state) {
    case State::kAuthorised:
      return {};
    case State::kPending:
      return fail(
          ErrorCode::kPermissionDenied,
          fmt::format("this gateway is not authorised on the EMS yet: an administrator authorises it at {} (or by "
                      "REST: PATCH /api/v1/fabric-devices/{})",
                      authorise_url(connector), context_.device.serial.str()));
    case State::kConflict: {
      const auto& device = context_.device;
      return fail(
          ErrorCode::kConflict,
          fmt::format("the EMS has authorised another key for the serial number {0} and gives this gateway nothing: "
                      "compare this gateway's device key {1} with the key that asks, at {2} on the EMS (or "
                      "offered_key of /api/v1/fabric-devices/{0}); if they are the same, as after a new "
                      "installation, authorise it there anew; if not, another device uses this serial number",
                      device.serial.str(), pki::fingerprint_text(device.key_sha256), authorise_url(connector)));
    }
    case State::kNone:
      return fail(ErrorCode::kUnavailable, "the EMS answers, and has not said yet whether it takes this gateway: try again");
    case State::kRefused:
      break;
  }
  return fail(
      ErrorCode::kPermissionDenied,
      fmt::format("an administrator of the EMS has refused this gateway: to change that, authorise it at {} "
                  "(or by REST: PATCH /api/v1/fabric-devices/{})",
                  authorise_url(connector), context_.device.serial.str()));
}

void FabricCertificates::present(ConnectorId id, Presented done) {
  const auto* config = context_.connector(id);
  if (config == nullptr || config->server.empty()) return done(without_server(id));
  probe(*config, [this, id, accepted = accepted_of(*config), done = std::move(done)](Result<net::PeerIdentity> peer) {
    if (!peer) return done(fail(peer.error()));
    const auto info = pki::parse_certificate(peer->chain_der.at(0));
    if (!info) return done(fail(info.error()));
    cli::PresentedCertificate shown;
    shown.subject = info->subject;
    shown.issuer = info->issuer;
    shown.not_before = info->not_before;
    shown.not_after = info->not_after;
    shown.serial = info->serial.str();
    shown.fingerprint = info->sha256;
    shown.accepted = accepted.fingerprint == info->sha256;
    shown.accepted_before = accepted.fingerprint;
    const auto& connectors = context_.core->connectors();
    if (const auto it = connectors.find(id); it != connectors.end()) {
      shown.other_ems = other_ems(id, peer->chain_der);
      if (shown.other_ems || !it->second.other_ems()) {
        shown.ems_serial = it->second.client->status().ems_serial;
        shown.tenant = it->second.client->status().tenant;
      }
      shown.pinned_serial = it->second.settings.expected_serial;
      shown.pinned_tenant = it->second.settings.expected_tenant;
    }
    done(std::move(shown));
  });
}

bool FabricCertificates::other_ems(ConnectorId id, const std::vector<Bytes>& chain_der) const {
  const auto it = context_.core->connectors().find(id);
  const auto* config = context_.connector(id);
  if (it == context_.core->connectors().end() || config == nullptr || !it->second.other_ems()) return false;
  const auto trust = judge_certificate(accepted_of(*config), chain_der);
  return trust == Trust::kSame || trust == Trust::kRenewed;
}

Status FabricCertificates::decided(ConnectorId id, const cli::Acceptance& acceptance) const {
  const auto it = context_.core->connectors().find(id);
  if (it == context_.core->connectors().end()) return {};
  const auto& said = it->second.client->status();
  const bool serial = acceptance.serial == said.ems_serial || (acceptance.serial.empty() && !it->second.mismatched_serial);
  // One that names no tenant is taken by its serial number: only with it is the tenant of the one before forgotten.
  const bool no_tenant = said.tenant.empty() && acceptance.tenant.empty() && !acceptance.serial.empty();
  const bool tenant = no_tenant ||
                      (!said.tenant.empty() && to_lower(acceptance.tenant.str()) == to_lower(said.tenant.str())) ||
                      (acceptance.tenant.empty() && !it->second.mismatched_tenant);
  if (serial && tenant) return {};
  // Who only repeats the fingerprint, as scripts do, has not seen that.
  return fail(
      ErrorCode::kConflict,
      fmt::format("{}; if that is meant: execute fctems verify {} {} {} {} (by REST: ems_serial, ems_tenant_id)",
                  other_ems_text(it->second), id, to_hex_lower(acceptance.fingerprint), said.ems_serial.str(),
                  said.tenant.str()));
}

void FabricCertificates::accept(ConnectorId id, const cli::Acceptance& acceptance, const config::Author& who,
                                Done done) {
  const auto* config = context_.connector(id);
  if (config == nullptr || config->server.empty()) return done(without_server(id));
  probe(*config, [this, id, acceptance, who, done = std::move(done)](Result<net::PeerIdentity> peer) {
    if (!peer) return done(fail(peer.error()));
    const auto shown = sha256(peer->chain_der.at(0));
    if (shown != acceptance.fingerprint) {
      return done(fail(ErrorCode::kConflict,
                       "the EMS shows another certificate, with fingerprint " + pki::fingerprint_text(shown)));
    }
    const bool other = other_ems(id, peer->chain_der);
    if (auto clear = other ? decided(id, acceptance) : Status(); !clear) return done(clear);
    const bool stopped = channels_.seen(id).changed_certificate;
    channels_.lift_stop(id);
    channels_.expect(id, shown);
    const auto kept = keep_acceptance(id, acceptance, who, peer->chain_der);
    if (!kept) {
      if (stopped) channels_.stop(id);
      return done(kept);
    }
    // Nothing that the EMS before this one said may go on granting.
    if (other) context_.core->forget(context_.now(), id);
    // The same certificate as before changes nothing in the configuration, but may lift a stop.
    context_.core->set_trusted(context_.now(), id, true);
    // Stopped by whom the certificate before named: who shows this one has to say who it is.
    const auto it = context_.core->connectors().find(id);
    if (it != context_.core->connectors().end() && it->second.other_ems()) context_.core->reconnect(context_.now(), id);
    context_.pump();
    done({});
  });
}

Status FabricCertificates::keep_acceptance(ConnectorId id, const cli::Acceptance& acceptance, const config::Author& who,
                                           const std::vector<Bytes>& chain_der) {
  auto t = context_.store->begin(config::Actor::kGateway);
  const auto path = path_of(id);
  const auto issuer = issuer_key_of(chain_der);
  auto set = t.set(path, "certificate-fingerprint", {to_hex_lower(sha256(chain_der.at(0)))});
  if (set) {
    set = issuer ? t.set(path, "certificate-issuer-key", {to_hex_lower(*issuer)})
                 : t.unset(path, "certificate-issuer-key");
  }
  if (set && !acceptance.serial.empty()) set = t.set(path, "serial-number", {acceptance.serial.str()});
  if (set && !acceptance.tenant.empty()) {
    set = t.set(path, "tenant-id", {acceptance.tenant.str()});
  } else if (set && !acceptance.serial.empty()) {
    set = t.unset(path, "tenant-id");  // another EMS: its own is kept when it tells
  }
  if (!set) return set;
  return context_.store->commit(t, {who.name, who.by, fmt::format("the certificate of EMS {} was accepted", id)});
}

Status FabricCertificates::forget(ConnectorId id, const config::Author& who) {
  auto t = context_.store->begin(config::Actor::kGateway);
  // By whatever it was accepted: who takes trust back must not find it accepted all the same.
  for (const char* by : {"certificate-fingerprint", "certificate-issuer-key", "certificate-remote"}) {
    if (auto unset = t.unset(path_of(id), by); !unset) return unset;
  }
  const config::Author author = {who.name, who.by, fmt::format("trust in EMS {} was taken back", id)};
  if (auto kept = context_.store->commit(t, author); !kept) return kept;
  context_.core->forget(context_.now(), id);
  context_.pump();
  return {};
}

}  // namespace postern::gateway
