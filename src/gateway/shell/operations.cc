#include "gateway/shell/operations.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <tuple>

#include "base/text.h"
#include "gateway/cli/endpoint_view.h"

namespace postern::gateway {
namespace {

std::string channel_state(const GatewayCore::Connector& connector, const config::FctemsConfig& config, bool accepted,
                          bool changed_certificate) {
  using State = proto::FabricStatusInfo::State;
  const auto& client = *connector.client;
  const auto state = client.status().state;
  if (connector.other_ems()) return "stopped: another EMS answers";
  if (connector.same_as != 0) return fmt::format("stopped: the same EMS as EMS {}", connector.same_as);
  if (changed_certificate) return "stopped: certificate changed";
  if (client.connected() && state == State::kAuthorised) return "connected";
  if (client.connected() && state == State::kPending) return "pending";
  if (client.connected() && state == State::kConflict) return "stopped: serial number conflict";
  if (client.connected() && state != State::kNone) return "refused";
  return config.enabled && accepted ? "connecting" : "disconnected";
}

/// What an administrator can do about a connector that has no EMS.
std::string channel_advice(const cli::ConnectorStatus& connector) {
  const auto& state = connector.channel_state;
  if (!connector.certificate_accepted)
    return fmt::format("execute fctems verify {} shows its certificate", connector.id);
  if (state == "pending") return "authorise this gateway on the EMS: " + connector.authorise_url;
  if (state == "refused")
    return "an administrator of the EMS refused it, and can authorise it: " + connector.authorise_url;
  if (state == "stopped: serial number conflict") {
    return fmt::format(
        "compare this gateway's device key with the key that asks, on the EMS at {}, and authorise it there only if "
        "they are the same",
        connector.authorise_url);
  }
  if (state == "stopped: another EMS answers") {
    return fmt::format("execute fctems verify {} shows which, and asks whether to take it", connector.id);
  }
  if (state.starts_with("stopped: the same EMS")) {
    return "an EMS takes one connector of a gateway: delete one of the two, or set another server";
  }
  if (state == "stopped: certificate changed") return fmt::format("compare it: execute fctems verify {}", connector.id);
  return fmt::format("diagnose endpoint fctems test-connectivity {} says why", connector.id);
}

/// What is wrong with a connector that is enabled, and what to do; empty: it is connected and authorised.
std::string channel_trouble(const cli::ConnectorStatus& connector) {
  if (connector.channel_state == "connected") return {};
  return connector.channel_state + "; " + channel_advice(connector);
}

cli::PartHealth channel_health(const cli::ConnectorStatus& connector, bool enabled) {
  using State = cli::PartHealth::State;
  const auto part = fmt::format("EMS {}", connector.id);
  if (!enabled) return {part, State::kOff, "status disable"};
  // A connection may still look open while nothing has come over it for longer than the threshold.
  const bool connected = connector.channel_state == "connected";
  if (connected && !connector.stale_since) return {part, State::kOk, {}};
  return {part, State::kFailed,
          fmt::format("{}{}{}; {}", connector.channel_state, connected ? ", but it is silent" : "",
                      connector.stale_since ? ", and its records are too old to grant anything" : "",
                      channel_advice(connector))};
}

}  // namespace

LiveOperations::LiveOperations(Context& context, FabricChannels& channels, const Parts& parts)
    : context_(context), channels_(channels), certificates_(context, channels),
      inquiries_(context, [this] { return connectors(); }, channel_trouble), parts_(parts), watch_(parts.watch) {}

std::vector<cli::ConnectorStatus> LiveOperations::connectors() {
  std::vector<cli::ConnectorStatus> out;
  for (const auto& config : context_.config.connectors) {
    cli::ConnectorStatus status;
    status.id = config.id;
    status.name = config.name;
    const auto seen = channels_.seen(config.id);
    status.certificate_accepted = config.fingerprint.has_value() || !config.trusted_pem.empty();
    status.certificate_changed = seen.changed_certificate;
    const auto it = context_.core->connectors().find(config.id);
    if (it != context_.core->connectors().end()) {
      const auto& client = *it->second.client;
      const auto& said = client.status();
      status.ems_serial = said.ems_serial.empty() ? config.serial : said.ems_serial;
      status.tenant = said.tenant;
      status.capabilities_known = client.connected() && !said.capabilities.empty();
      status.identity_verified = client.connected();
      status.authorise_url = authorise_url(it->second);
      status.channel_state = channel_state(it->second, config, status.confirmed(), seen.changed_certificate);
    }
    status.ztna_key = seen.ztna_key;
    status.stale_since = seen.stale_since;
    out.push_back(std::move(status));
  }
  return out;
}

std::vector<cli::EndpointView> LiveOperations::matched_endpoints() {
  const auto& core = *context_.core;
  std::vector<cli::EndpointView> out;
  for (const auto& [key, record] : core.records()) {
    // One that is refused is kept for what its sessions are told, and is no endpoint that anybody looks for.
    if (!record.blocked && core.matched(record)) out.push_back(cli::make_endpoint_view(record, core.resolver(), context_.device.serial));
  }
  return out;
}

std::vector<cli::DynamicAddress> LiveOperations::dynamic_addresses() {
  const auto& core = *context_.core;
  std::map<std::pair<ConnectorId, std::uint32_t>, cli::DynamicAddress> sorted;
  for (const auto& [name, tag] : core.tags().entries()) {
    if (!tag.info) continue;
    cli::DynamicAddress address{name, tag.info->name.str(), tag.info->id, {}};
    for (const auto& [ip, state] : core.addresses()) {
      if (state.tags[tag.bit]) address.addresses.push_back(ip);
    }
    sorted[{tag.connector, tag.info->id}] = std::move(address);
  }
  std::vector<cli::DynamicAddress> out;
  for (auto& [key, address] : sorted) out.push_back(std::move(address));
  return out;
}

std::vector<std::string> LiveOperations::tags_not_shared() {
  std::vector<std::string> out;
  for (const auto& [name, tag] : context_.core->tags().entries()) {
    if (!tag.info && !is_user_bit(name)) out.push_back(name);
  }
  return out;
}

cli::SystemStatus LiveOperations::system_status() {
  return {POSTERN_VERSION,
          context_.device.serial,
          context_.hostname(),
          context_.device.key_sha256,
          context_.core->live_sessions(),
          parts_.modules.counters().dropped,
          parts_.traffic.lost()};
}

void LiveOperations::find_denial(std::string id, Found done) {
  // The log may be large: it is read elsewhere than on the loop.
  parts_.traffic.flush();
  const auto found = std::make_shared<Result<std::string>>(fail(ErrorCode::kInternal, "the log could not be searched"));
  context_.loop.offload(
      [found, path = parts_.traffic.path(), id = std::move(id)] { *found = TrafficLog::find_in(path, id); },
      [found, done = std::move(done)] { done(std::move(*found)); });
}

std::vector<cli::PartHealth> LiveOperations::health() {
  using State = cli::PartHealth::State;
  std::vector<cli::PartHealth> out;
  const auto add = [&](std::string part, const Status& status, std::string_view consequence) {
    if (status) return out.push_back({std::move(part), State::kOk, {}});
    out.push_back({std::move(part), State::kFailed, status.error().message + std::string(consequence)});
  };
  const auto missing = parts_.modules.missing();
  add("Access proxies", missing ? parts_.nginx.health() : missing,
      missing ? "" : ": somebody removed it. Workers of nginx that begin from now on refuse everybody, or can't tell what they do: restart this gateway");
  if (const auto* forwarder = parts_.nginx.forwarder()) {
    const auto said = forwarder->health();
    out.push_back({"TCP forwarding", said ? State::kOk : State::kFailed, said ? *said : said.error().message});
  }
  if (parts_.servers != nullptr && parts_.nginx.has_listeners()) add("Real servers", parts_.servers->health(), "");
  if (parts_.firewall == nullptr) {
    out.push_back({"Firewall", State::kOff, "started with --no-firewall: no control by address"});
  } else if (parts_.firewall->health() && parts_.firewall->unfinished()) {
    out.push_back({"Firewall", State::kOk, "a very large change is being brought into force"});
  } else {
    add("Firewall", parts_.firewall->health(),
        "; it is tried again all the time, and what depends on a tag is dropped once the lease runs out: look at nft "
        "list "
        "table inet postern and the kernel's log");
  }
  add("Kept records", parts_.views.health(),
      "; after a restart this gateway would begin without records, until it has reached its EMS: make room in its data "
      "directory");
  add("Traffic log", parts_.traffic.health(), "");
  if (parts_.api) add("REST API", parts_.api(), "");
  if (parts_.remote_log != nullptr && parts_.remote_log->on()) add("Syslog", parts_.remote_log->health(), "");
  for (const auto& connector : connectors()) {
    const auto* config = context_.connector(connector.id);
    out.push_back(channel_health(connector, config != nullptr && config->enabled));
  }
  return out;
}

std::vector<std::string> LiveOperations::interface_names() {
  std::vector<std::string> out;
  if (watch_ == nullptr) return out;
  for (const auto& interface : watch_->interfaces()) out.push_back(interface.name);
  return out;
}

std::map<std::string, config::Value> LiveOperations::live_values(const config::ObjectPath& path) {
  std::map<std::string, config::Value> out;
  if (path.size() != 1) return out;
  if (path[0].table == "system interface" && watch_ != nullptr) {
    for (const auto& interface : watch_->interfaces()) {
      if (interface.name != path[0].key) continue;
      config::Value addresses;
      for (const auto& a : interface.addresses) addresses.push_back(fmt::format("{}/{}", a.ip.str(), a.prefix));
      if (!addresses.empty()) out["ip"] = std::move(addresses);
      if (interface.mac.valid()) out["mac"] = {interface.mac.str()};
    }
    for (const auto& link : watch_->links()) {
      if (link.name == path[0].key) out["status"] = {link.up ? "up" : "down"};
    }
  }
  if (path[0].table == "endpoint-control fctems") {
    const auto& connectors = context_.core->connectors();
    const auto it = connectors.find(static_cast<ConnectorId>(parse_u64(path[0].key).value_or(0)));
    if (it == connectors.end()) return out;
    if (!it->second.client->status().capabilities.empty())
      out["capabilities"] = it->second.client->status().capabilities;
    const auto seen = channels_.seen(it->first);
    if (seen.changed_certificate) out["dirty-reason"] = {"mismatched-certificate"};
    if (it->second.mismatched_tenant) out["dirty-reason"] = {"mismatched-tenant-id"};
    if (it->second.mismatched_serial) out["dirty-reason"] = {"mismatched-ems-sn"};
    if (!seen.verifying_ca.empty()) out["verifying-ca"] = {seen.verifying_ca};
  }
  return out;
}

}  // namespace postern::gateway
