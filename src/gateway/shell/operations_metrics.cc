// LiveOperations: what a monitoring system is told.
#include <map>
#include <set>
#include <string>
#include <tuple>

#include "gateway/metrics/process.h"
#include "gateway/shell/operations.h"

namespace postern::gateway {
namespace {

using metrics::Exposition;

double in_seconds(std::chrono::nanoseconds time) { return static_cast<double>(time.count()) * 1e-9; }

/// One family, one sample for each connector that has a value.
template <class Value>
void of_each(Exposition& out, const std::map<ConnectorId, GatewayCore::Connector>& connectors, Value value) {
  for (const auto& [id, connector] : connectors) {
    if (const auto of_it = value(connector)) out.sample({{"connector", std::to_string(id)}}, *of_it);
  }
}

void expose_connectors(Exposition& out, const GatewayCore& core, const FabricChannels& channels, Now now) {
  using Connector = GatewayCore::Connector;
  using Count = std::optional<std::uint64_t>;
  const auto& all = core.connectors();
  out.gauge("postern_gateway_connector_up",
            "Whether the connector is connected to its EMS, authorised there, and has everything that the EMS shares.");
  of_each(out, all, [](const Connector& c) { return Count(!c.stopped() && c.client->synchronised()); });
  out.gauge("postern_gateway_connector_stale",
            "Whether what the EMS said is too old to grant anything (out-of-sync-threshold).");
  of_each(out, all, [](const Connector& c) { return Count(c.stale); });
  out.gauge("postern_gateway_connector_stale_since_seconds",
            "Unix time since which it is: when its threshold was over, also if this gateway was started later. Missing: it "
            "is not.");
  for (const auto& [id, connector] : all) {
    const auto since = channels.seen(id).stale_since;
    if (since) out.sample({{"connector", std::to_string(id)}}, static_cast<double>(to_unix_ms(*since)) / 1000.0);
  }
  out.gauge("postern_gateway_connector_silence_seconds",
            "Since the EMS was last asked something that it has answered: how old what it said may be. Missing: never.");
  of_each(out, all, [&](const Connector& c) -> std::optional<double> {
    const auto& heard = c.client->last_contact();
    if (!heard) return std::nullopt;
    return in_seconds(now.mono - heard->mono);
  });
  out.gauge("postern_gateway_connector_revision", "Revision of the EMS's change log that this gateway has.");
  of_each(out, all, [](const Connector& c) { return Count(c.client->revision()); });
  out.gauge("postern_gateway_records", "Endpoint records that this gateway holds.");
  std::map<ConnectorId, std::uint64_t> records, online, refused;
  for (const auto& [key, record] : core.records()) {
    ++records[key.connector];
    online[key.connector] += record.online;
    refused[key.connector] += record.blocked;
  }
  of_each(out, all, [&](const Connector& c) { return Count(records[c.settings.id]); });
  out.gauge("postern_gateway_records_online", "Of them those whose endpoint is online.");
  of_each(out, all, [&](const Connector& c) { return Count(online[c.settings.id]); });
  out.gauge("postern_gateway_records_refused",
            "Of them those that are revoked or deregistered; each goes when its last certificate has expired.");
  of_each(out, all, [&](const Connector& c) { return Count(refused[c.settings.id]); });
  out.counter("postern_gateway_connector_deltas_total", "Messages of the EMS with what changed.");
  of_each(out, all, [](const Connector& c) { return Count(c.client->counters().deltas); });
  out.counter("postern_gateway_connector_snapshots_total", "Times that the EMS told everything anew.");
  of_each(out, all, [](const Connector& c) { return Count(c.client->counters().snapshots); });
  out.counter("postern_gateway_connector_mismatches_total",
              "Times that this gateway found its view to differ from the EMS's, and asked for everything anew.");
  of_each(out, all, [](const Connector& c) { return Count(c.client->counters().mismatches); });
  out.counter("postern_gateway_connector_reconnects_total", "Times that a connection was tried again after one had failed.");
  of_each(out, all, [](const Connector& c) { return Count(c.client->counters().reconnects); });
}

void expose_servers(Exposition& out, const std::vector<cli::RealServerView>& servers) {
  const auto each = [&](auto value) {
    std::set<std::tuple<std::string, std::uint32_t, std::string>> told;  // a server may stand there twice
    for (const auto& s : servers) {
      if (!told.emplace(s.access_proxy, s.api_gateway, s.server).second) continue;
      out.sample({{"access_proxy", s.access_proxy}, {"api_gateway", std::to_string(s.api_gateway)}, {"server", s.server}},
                 std::uint64_t{value(s)});
    }
  };
  out.gauge("postern_gateway_real_server_up",
            "Whether a real server is well as its health check says it; 1 also for those that nobody can tell of.");
  each([](const cli::RealServerView& s) { return s.state == "up" || s.state == "unknown"; });
  out.gauge("postern_gateway_real_server_takes_requests",
            "Whether requests go to a real server: it is well, and active, or standby while no active one is well.");
  each([](const cli::RealServerView& s) { return s.takes_requests; });
  out.counter("postern_gateway_real_server_requests_total",
              "Requests that a real server was given; one that another server took over counts at both.");
  each([](const cli::RealServerView& s) { return s.requests; });
  out.counter("postern_gateway_real_server_failures_total",
              "Requests for which a real server could not be reached, or broke off before it answered.");
  each([](const cli::RealServerView& s) { return s.failures; });
  out.gauge("postern_gateway_real_server_requests_in_use", "Requests that a real server has now, WebSockets and streams included.");
  each([](const cli::RealServerView& s) { return s.in_use; });
}

}  // namespace

std::string LiveOperations::expose_metrics(metrics::Format format) {
  Exposition out(format);
  const auto& core = *context_.core;
  const auto now = context_.now();

  out.gauge("postern_gateway_build_info", "Always 1: which gateway this is, and its version.");
  out.sample({{"version", POSTERN_VERSION}, {"serial", context_.device.serial.str()}}, std::uint64_t{1});
  out.gauge("postern_gateway_config_revision", "Number of the configuration in force (execute revision list).");
  out.sample(context_.store->revisions().newest());
  out.gauge("postern_gateway_part_healthy",
            "Whether a part of the gateway does its work, as get system status says it; parts that are off are missing.");
  for (const auto& part : health()) {
    if (part.state == cli::PartHealth::State::kOff) continue;
    out.sample({{"part", part.part}}, std::uint64_t{part.state == cli::PartHealth::State::kOk});
  }

  const auto* forwarder = parts_.nginx.forwarder();
  if (const auto state = forwarder != nullptr ? forwarder->state() : std::nullopt) {
    out.gauge("postern_gateway_forwarded_connections", "TCP connections that are forwarded, those that are being dialled among them.");
    out.sample(state->open);
    out.gauge("postern_gateway_forwarded_connections_limit", "How many there may be: less than 16384 where open files are limited.");
    out.sample(state->most);
    out.counter("postern_gateway_forwarded_refused_total",
                "Connections that the forwarder refused since it began: for all there may be, or all of one endpoint.");
    out.sample({{"limit", "all"}}, state->refused);
    out.sample({{"limit", "endpoint"}}, state->refused_of_one);
  }

  if (parts_.counted != nullptr) {
    parts_.counted->decisions.expose(out);
    parts_.counted->timing.expose(out);
  }
  const auto counters = parts_.modules.counters();
  out.gauge("postern_gateway_workers", "nginx's workers that this gateway talks to.");
  out.sample(counters.workers);
  out.counter("postern_gateway_events_dropped_total",
              "What nginx's workers had to tell and found no room for: not counted, not in the traffic log.");
  out.sample(counters.dropped);
  out.counter("postern_gateway_log_lines_lost_total", "Lines of the traffic log that the disk did not take.");
  out.sample(parts_.traffic.lost());
  if (parts_.remote_log != nullptr) {
    const auto sent_on = parts_.remote_log->counters();
    out.counter("postern_gateway_syslog_messages_total",
                "Messages for the syslog server: sent (given to the kernel), dropped (no room was left while the server took "
                "none).");
    out.sample({{"outcome", "sent"}}, sent_on.sent);
    out.sample({{"outcome", "dropped"}}, sent_on.dropped);
    out.gauge("postern_gateway_syslog_queue_bytes", "Of messages that wait for the syslog server.");
    out.sample(sent_on.queued);
  }

  out.gauge("postern_gateway_live_sessions",
            "Connections whose certificate got access and that are still open, by access proxy and kind.");
  std::map<std::pair<std::string, ecshm::SessionKind>, std::uint64_t> sessions;
  // Every kind from the start, those of connections that ended too.
  for (const auto& proxy : context_.config.access_proxies) {
    for (std::uint32_t kind = 1; kind < ecshm::kSessionKinds; ++kind) sessions[{proxy.name, static_cast<ecshm::SessionKind>(kind)}];
  }
  for (const auto& [leaf, places] : core.sessions()) {
    for (const auto& [place, count] : places) {
      sessions[{std::string(parts_.nginx.proxy_name(place.proxy)), place.kind}] += static_cast<std::uint64_t>(count);
    }
  }
  for (const auto& [of, count] : sessions) {
    out.sample({{"access_proxy", of.first}, {"kind", ecshm::session_kind_name(of.second)}}, count);
  }

  expose_servers(out, real_servers());
  expose_connectors(out, core, channels_, now);

  if (parts_.shm != nullptr) {
    out.gauge("postern_gateway_ec_shm_slots", "Endpoint certificates in ec-shm.");
    out.sample(static_cast<std::uint64_t>(parts_.shm->size()));
    out.gauge("postern_gateway_ec_shm_capacity", "Room of this generation of ec-shm; it grows by itself.");
    out.sample(std::uint64_t{parts_.shm->capacity()});
    out.gauge("postern_gateway_ec_shm_generation", "Number of ec-shm's generation; another one is a new table.");
    out.sample(parts_.shm->generation());
  }
  if (parts_.counted != nullptr && parts_.counted->lease_renewed) {
    out.gauge("postern_gateway_lease_age_seconds",
              "Since ec-shm's lease was renewed; past 5 seconds everything that depends on a tag is denied.");
    out.sample({}, in_seconds(now.mono - *parts_.counted->lease_renewed));
  }
  out.gauge("postern_gateway_resolved_addresses", "Addresses that are resolved for any tag.");
  out.sample(static_cast<std::uint64_t>(core.addresses().size()));
  if (parts_.firewall != nullptr) {
    out.counter("postern_gateway_nft_transactions_total", "Transactions with nftables that were tried.");
    out.sample(parts_.firewall->counters().transactions);
    out.counter("postern_gateway_nft_transactions_failed_total", "Of them those that the kernel refused.");
    out.sample(parts_.firewall->counters().failed);
    out.counter("postern_gateway_firewall_mended_total", "Times that somebody else had changed the gateway's table.");
    out.sample(parts_.firewall->counters().mended);
  }
  if (parts_.counted != nullptr) metrics::expose_process(out, parts_.counted->started);
  return out.take();
}

}  // namespace postern::gateway
