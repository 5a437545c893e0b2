#include "gateway/shell/fabric_channels.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/file.h"
#include "base/log.h"
#include "gateway/shell/pem.h"
#include "pki/certificate.h"

namespace postern::gateway {

AcceptedCertificate accepted_of(const config::FctemsConfig& config) {
  AcceptedCertificate out{config.fingerprint, config.issuer_key, config.trust_ca_cn, {}};
  if (config.trusted_pem.empty()) return out;
  const auto pem = pem_of(config.trusted_pem);
  auto certificates = pem ? pki::certificates_from_pem(*pem) : Result<std::vector<Bytes>>(fail(pem.error()));
  if (certificates) {
    out.trusted = std::move(certificates->front());
  } else {
    log_error("fabric.trusted_certificate", certificates.error().message, {{"connector", std::to_string(config.id)}});
  }
  return out;
}

namespace {

bool same_acceptance(const config::FctemsConfig& a, const config::FctemsConfig& b) {
  return a.fingerprint == b.fingerprint && a.issuer_key == b.issuer_key && a.trusted_pem == b.trusted_pem &&
         a.trust_ca_cn == b.trust_ca_cn;
}

bool is_accepted(const config::FctemsConfig& config, const std::vector<Bytes>& chain_der) {
  const auto trust = judge_certificate(accepted_of(config), chain_der);
  return trust == Trust::kSame || trust == Trust::kRenewed;
}

}  // namespace

std::string verifying_ca_of(const std::vector<Bytes>& chain_der) {
  if (!issuer_key_of(chain_der)) return {};
  const auto leaf = pki::parse_certificate(chain_der.front());
  return leaf ? leaf->issuer : std::string();
}

std::string authorise_url(const GatewayCore::Connector& connector) {
  const auto& path = connector.client->status().authorise_path;
  if (path.empty()) return {};
  const auto ip = IpAddress::parse(connector.settings.server);
  const bool brackets = ip && !ip->is_v4();
  return fmt::format("https://{}{}{}:{}{}", brackets ? "[" : "", connector.settings.server, brackets ? "]" : "",
                     connector.settings.port, path);
}

net::Target FabricChannels::target_of(const config::FctemsConfig& config) const {
  net::Target target;
  target.host = config.server;
  target.port = config.https_port;
  target.timeout = std::chrono::duration_cast<std::chrono::milliseconds>(config.call_timeout);
  if (config.source_ip.valid()) target.source_ip = config.source_ip.str();
  target.tls.alpn = "postern-fabric/1";  // what answers without it is no EMS's HTTPS port
  return target;
}

bool FabricChannels::trusted(const config::FctemsConfig& config) const {
  return (config.fingerprint.has_value() || !config.trusted_pem.empty()) && !seen(config.id).changed_certificate;
}

FabricChannels::Seen FabricChannels::seen(ConnectorId id) const {
  const auto it = channels_.find(id);
  return it == channels_.end() ? Seen() : Seen(it->second);
}

void FabricChannels::open(ConnectorId id) {
  const auto* config = context_.connector(id);
  if (config == nullptr) return;
  auto target = target_of(*config);
  target.tls.identity = net::TlsIdentity{context_.device.certificate_pem, context_.device.key_pem};
  target.tls.check_name = false;  // the accepted certificate or its issuer's key is the identity
  auto changed = std::make_shared<bool>(false);
  target.tls.accept_peer = [accepted = accepted_of(*config), changed](const net::PeerIdentity& peer) {
    const auto trust = judge_certificate(accepted, peer.chain_der);
    *changed = trust == Trust::kChanged;
    return trust == Trust::kSame || trust == Trust::kRenewed;
  };
  net::WebSocketLimits limits;
  limits.max_message = 64u << 20;
  auto& channel = channels_[id];
  channel.opened_for = *config;
  channel.opening = net::open_websocket(
      context_.loop, std::move(target), "/fabric",
      [this, id, changed](Result<net::WebSocketPtr> result) { opened(id, std::move(result), *changed); }, limits);
}

void FabricChannels::opened(ConnectorId id, Result<net::WebSocketPtr> result, bool changed_certificate) {
  auto& channel = channels_[id];
  auto& core = *context_.core;
  if (!result) {
    log_warning("fabric.unreachable", result.error().message, {{"connector", std::to_string(id)}});
    core.on_disconnected(context_.now(), id, result.error().message);
    if (changed_certificate) {
      channel.changed_certificate = true;
      log_warning("fabric.certificate_changed",
                  fmt::format("the EMS shows another certificate than the one accepted: stopped; look at it with "
                              "\"execute fctems verify {}\"",
                              id));
      core.set_trusted(context_.now(), id, false);
    }
    context_.pump();
    return;
  }
  channel.socket = *result;
  channel.chain_der = channel.socket->peer().chain_der;
  channel.socket->on_message = [this, id](ByteView bytes) {
    context_.core->on_frame(context_.now(), id, bytes);
    context_.pump();
  };
  channel.socket->on_close = [this, id](std::uint16_t, std::string reason) {
    channels_[id].socket.reset();
    context_.core->on_disconnected(context_.now(), id, reason.empty() ? "the EMS closed the connection" : reason);
    context_.pump();
  };
  channel.ip = channel.socket->peer().remote_ip;
  channel.verifying_ca = verifying_ca_of(channel.chain_der);
  if (on_connected) on_connected();
  core.on_connected(context_.now(), id);
  context_.pump();
}

void FabricChannels::send(ConnectorId id, Bytes bytes) {
  if (auto& socket = channels_[id].socket) socket->send(std::move(bytes));
}

void FabricChannels::close(ConnectorId id, const std::string& reason) {
  auto& channel = channels_[id];
  channel.opening.cancel();
  if (!channel.socket) return;
  channel.socket->on_close = nullptr;
  channel.socket->close(1000, reason);
  channel.socket.reset();
}

void FabricChannels::on_configured(const config::FctemsConfig& config) {
  const auto it = channels_.find(config.id);
  if (it == channels_.end()) return;
  auto& channel = it->second;
  const auto& before = channel.opened_for;
  if (before.server != config.server || before.https_port != config.https_port) channel.changed_certificate = false;
  if (!same_acceptance(before, config)) judge_again(config, channel);
}

void FabricChannels::judge_again(const config::FctemsConfig& config, Channel& channel) {
  auto& before = channel.opened_for;
  before.fingerprint = config.fingerprint;
  before.issuer_key = config.issuer_key;
  before.trusted_pem = config.trusted_pem;
  before.trust_ca_cn = config.trust_ca_cn;
  channel.changed_certificate = false;  // who answers is to be judged anew
  const auto expected = std::exchange(channel.expected, std::nullopt);
  auto& core = *context_.core;
  if (!is_accepted(config, channel.chain_der)) {
    // Where the EMS has just shown the new one, what it said before is brought up to date by the next connection.
    const bool same_ems = expected && expected == config.fingerprint;
    if (!same_ems) core.forget(context_.now(), config.id);
    if (channel.socket) {
      log_info("fabric.acceptance_changed", "another certificate of the EMS is accepted: the connection begins anew",
               {{"connector", std::to_string(config.id)}});
    }
  } else if (channel.socket) {
    return;
  }
  // Also one that is being opened: it was told whom to accept.
  if (channel.socket || channel.opening) core.reconnect(context_.now(), config.id);
}

void FabricChannels::on_changed(ConnectorId id) {
  const auto it = context_.core->connectors().find(id);
  auto& channel = channels_[id];
  if (it == context_.core->connectors().end() || !it->second.stale) {
    channel.stale_since.reset();
  } else if (!channel.stale_since && it->second.valid_until) {
    // Since its time ran out: also where that was before this program began.
    const auto now = context_.now();
    const auto over = std::max<MonoTime::duration>(now.mono - *it->second.valid_until, {});
    channel.stale_since = now.wall - std::chrono::duration_cast<WallTime::duration>(over);
  }
  keep_ca(id);
}

void FabricChannels::keep_ca(ConnectorId id) {
  const auto it = context_.core->connectors().find(id);
  if (it == context_.core->connectors().end()) return;
  const auto& status = it->second.client->status();
  if (status.ztna_ca_der.empty()) return;
  std::string pem = pki::to_pem(status.ztna_ca_der);
  for (const auto& der : status.ztna_ca_chain_der) pem += pki::to_pem(der);
  if (const auto info = pki::parse_certificate(status.ztna_ca_der)) channels_[id].ztna_key = info->public_key_sha256;
  const auto kept = read_file(context_.ca_path(id), 1 << 20);
  if (kept && *kept == pem) return;
  if (auto written = write_file_atomic(context_.ca_path(id), pem); !written) {
    log_error("connector.ca", written.error().message);
    return;
  }
  if (on_new_ca) on_new_ca();
}

}  // namespace postern::gateway
