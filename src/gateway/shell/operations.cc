#include "gateway/shell/operations.h"

#include <fmt/format.h>

#include "base/text.h"
#include "gateway/cli/endpoint_view.h"

namespace postern::gateway {
namespace {

std::string channel_state(const GatewayCore::Connector& connector, const config::FctemsConfig& config, bool accepted,
                          bool changed_certificate) {
  using State = proto::FabricStatusInfo::State;
  const auto& client = *connector.client;
  const auto state = client.status().state;
  if (connector.mismatched_serial) return "stopped: another EMS answers";
  if (changed_certificate) return "stopped: certificate changed";
  if (client.connected() && state == State::kAuthorised) return "connected";
  if (client.connected() && state == State::kPending) return "pending";
  if (client.connected() && state == State::kConflict) return "stopped: serial number conflict";
  if (client.connected() && state != State::kNone) return "refused";
  return config.enabled && accepted ? "connecting" : "disconnected";
}

}  // namespace

std::vector<cli::ConnectorStatus> LiveOperations::connectors() {
  std::vector<cli::ConnectorStatus> out;
  for (const auto& config : context_.config.connectors) {
    cli::ConnectorStatus status;
    status.id = config.id;
    status.name = config.name;
    const auto seen = channels_.seen(config.id);
    status.certificate_accepted = channels_.trusted(config);
    const auto it = context_.core->connectors().find(config.id);
    if (it != context_.core->connectors().end()) {
      const auto& client = *it->second.client;
      const auto& said = client.status();
      status.ems_serial = said.ems_serial.empty() ? config.serial : said.ems_serial;
      status.tenant = said.tenant;
      status.capabilities_known = client.connected() && !said.capabilities.empty();
      status.identity_verified = client.connected();
      status.channel_state = channel_state(it->second, config, status.certificate_accepted, seen.changed_certificate);
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
    if (core.matched(record)) out.push_back(cli::make_endpoint_view(record, core.resolver(), context_.device.serial));
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

cli::SystemStatus LiveOperations::system_status() {
  return {POSTERN_VERSION, context_.device.serial, context_.hostname(), context_.device.key_sha256,
          context_.core->live_sessions()};
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
    if (it->second.mismatched_serial) out["dirty-reason"] = {"mismatched-ems-sn"};
  }
  return out;
}

}  // namespace postern::gateway
