#include "gateway/cli/fake_operations.h"

#include <algorithm>
#include <utility>

#include "base/hex.h"

namespace postern::gateway::cli {

FakeOperations::FakeOperations() = default;
FakeOperations::~FakeOperations() = default;

std::vector<ConnectorStatus> FakeOperations::connectors() { return connector_list; }
std::vector<EndpointView> FakeOperations::matched_endpoints() { return endpoints; }
std::vector<EndpointTrace> FakeOperations::endpoint_traces(const std::function<bool(const EndpointView&)>& wanted) {
  std::vector<EndpointTrace> out;
  for (const auto& trace : traces) {
    if (wanted(trace.endpoint)) out.push_back(trace);
  }
  return out;
}
std::vector<SessionView> FakeOperations::sessions() { return live_sessions; }
void FakeOperations::clear_sessions(const SessionChoice& which, const std::string& administrator, Cleared done) {
  clearings.emplace_back(which, administrator);
  done(cleared);
}
std::vector<DynamicAddress> FakeOperations::dynamic_addresses() { return addresses; }
std::vector<std::string> FakeOperations::tags_not_shared() { return not_shared; }
AddressView FakeOperations::address(const IpAddress& ip) {
  const auto it = known_addresses.find(ip);
  return it == known_addresses.end() ? AddressView() : it->second;
}
std::vector<LocalInterface> FakeOperations::own_interfaces() { return local_interfaces; }

SystemStatus FakeOperations::system_status() {
  SystemStatus s;
  s.dropped_events = dropped;
  s.lost_log_lines = lost;
  s.version = "0.1.0";
  s.serial = GatewaySerial("PGW0000000000001");
  s.hostname = "machine";
  return s;
}

std::string FakeOperations::expose_metrics(metrics::Format format) {
  metrics::Exposition out(format);
  out.gauge("postern_gateway_live_sessions", "Live sessions.");
  out.sample({{"access_proxy", "proxy"}}, std::uint64_t{3});
  return out.take();
}

std::vector<PartHealth> FakeOperations::health() { return parts; }
std::vector<std::string> FakeOperations::obstacles() { return in_the_way; }
std::map<std::string, config::Value> FakeOperations::live_values(const config::ObjectPath&) { return live; }
std::vector<std::string> FakeOperations::interface_names() { return interfaces; }

void FakeOperations::test_connectivity(ConnectorId, Done done) { waiting.push_back(std::move(done)); }
void FakeOperations::present_certificate(ConnectorId, Presented done) { presenting.push_back(std::move(done)); }
void FakeOperations::accept_certificate(ConnectorId, const Acceptance& acceptance, const config::Author& who,
                                        Done done) {
  trusting.push_back(who);
  accepted.push_back(acceptance);
  waiting.push_back(std::move(done));
}
Status FakeOperations::forget_certificate(ConnectorId, const config::Author& who) {
  trusting.push_back(who);
  return forget;
}

void FakeOperations::refresh_connectors(Answered done) {
  ++refreshed;
  done(ems_answers);
}
void FakeOperations::restart_connectors(Answered done) {
  ++restarted;
  done(ems_answers);
}
void FakeOperations::ask_about_certificate(const Sha256& leaf, Replied done) {
  asked_about.push_back(leaf);
  done(certificate_replies);
}

Result<DecisionAgain> FakeOperations::decide_again(const PastRequest& request) {
  judged.push_back(request);
  return again;
}
void FakeOperations::firewall_ruleset(const config::ConfigTree& config, bool difference, Found done) {
  firewall_policies.push_back(config.entries("firewall policy").size());
  done(difference ? Result<std::string>(std::string()) : firewall_text);
}

void FakeOperations::find_denial(std::string id, Found done) {
  sought = std::move(id);
  done(denial);
}

void FakeOperations::offload(std::function<void()> blocking, std::function<void()> done) {
  if (run_offloaded) blocking();
  ++offloaded;
  done();
}

EndpointView walk_endpoint() {
  EndpointView e;
  Record& r = e.record;
  r.key = {1, EndpointUid("9A016B5A6E914B42AD4168C066EB04CA")};
  r.ems_serial = EmsSerial("FCTEMS8825007278");
  r.tenant = TenantId(std::string(32, '0'));
  r.certificates.push_back({{}, CertSerial("1D3D0710258CF569961291DF259F6333B9540EF9"), {}});
  r.public_ip = *IpAddress::parse("148.230.50.82");
  r.online = r.registered = true;
  r.on_fabric = Feature::kAbsent;
  r.agent_version = "7.4.4";
  r.av_db_version = "1.0";
  r.app_signature_version = "35.125";
  r.vuln_engine_version = "3.11";
  r.host_name = "WIN10-01";
  r.os_type = "WIN64";
  r.os_version = "Microsoft Windows 10 Professional Edition, 64-bit (build 19045)";
  r.domain = "fortiad.info";
  r.last_login_user = "tsmith";
  r.host_model = "Standard PC (i440FX + PIIX, 1996)";
  r.host_manufacturer = "QEMU";
  r.cpu_model = "Intel Xeon Processor (SapphireRapids)";
  r.memory_mb = 8191;
  r.av = r.fw = r.wf = r.vs = r.vn = Feature::kPresent;
  r.as = Feature::kAbsent;
  r.vuln_received = from_unix_ms(1'764'175'401'000);  // Wed Nov 26 16:43:21 2025 UTC
  r.vuln_scanned = from_unix_ms(1'764'199'904'000);   // Wed Nov 26 23:31:44 2025 UTC
  r.vulnerabilities = posture::VulnerabilityCounts{2, 63, 31, 2, 0, 0, 0};
  r.avatar_source = "OS";
  e.ip = *IpAddress::parse("10.0.1.2");
  e.mac = *MacAddress::parse("02:09:0f:00:01:02");
  r.interfaces.push_back({"eth0", e.mac, {e.ip}, true});
  e.gateway_interface = "port1";
  e.routes.push_back({e.ip, e.mac, false, "port1", GatewaySerial("FGVM02TM25006449")});
  return e;
}

EndpointTrace walk_trace() {
  using Tag = EndpointTrace::Tag;
  EndpointTrace t;
  t.endpoint = walk_endpoint();
  t.endpoint.record.share_connected = true;
  t.endpoint.record.certificates[0].sha256.fill(0xab);
  t.endpoint.record.certificates[0].not_after = from_unix_ms(1'795'711'401'000);  // 2026-11-26 16:43:21 UTC
  t.matched = true;
  t.match_reason = MatchReason::kDefaultGateway;
  t.match_text = "its default gateway is port1";
  t.resolved = {t.endpoint.ip};
  t.resolve_reason = ResolveReason::kResolved;
  t.resolve_text = "resolved";
  t.addresses.push_back({t.endpoint.ip, ResolveReason::kResolved, "port1", t.endpoint.mac, {}});
  t.tags = {{"EMS1_ZTNA_all_registered_clients", Tag::State::kHas, "all_registered_clients", "security"},
            {"EMS1_ZTNA_Vulnerable-Device", Tag::State::kHas, "Vulnerable-Device", "security"},
            {"EMS1_ZTNA_Telemetry-Connected", Tag::State::kHas, "Telemetry-Connected", "security"}};
  t.confirmed_at = from_unix_ms(1'764'175'401'000);  // Wed Nov 26 16:43:21 2025 UTC
  return t;
}

ConnectorStatus walk_connector() {
  ConnectorStatus c;
  c.id = 1;
  c.name = "EMS";
  c.certificate_accepted = c.capabilities_known = c.identity_verified = true;
  c.ems_serial = EmsSerial("FCTEMS8825007278");
  c.tenant = TenantId(std::string(32, '0'));
  Sha256 key{};
  const auto start = *from_hex("7f317f430d20");
  std::copy(start.begin(), start.end(), key.begin());
  c.ztna_key = key;
  c.channel_state = "connected";
  return c;
}

std::vector<DynamicAddress> walk_addresses() {
  const std::vector<IpAddress> in = {*IpAddress::parse("10.0.1.2")};
  return {{"EMS1_ZTNA_all_registered_clients", "all_registered_clients", 70, in},
          {"EMS1_ZTNA_Vulnerable-Device", "Vulnerable-Device", 311, in},
          {"EMS1_ZTNA_Telemetry-Connected", "Telemetry-Connected", 495, in}};
}

}  // namespace postern::gateway::cli
