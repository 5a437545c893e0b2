#pragma once
// A gateway that stands still, for tests: the values of the reference walk-through, answers given by hand.
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "gateway/cli/operations.h"

namespace postern::gateway::cli {

class FakeOperations : public GatewayOperations {
 public:
  FakeOperations();
  ~FakeOperations() override;

  // What it answers.
  std::vector<ConnectorStatus> connector_list;
  std::vector<EndpointView> endpoints;
  std::vector<EndpointTrace> traces;
  std::vector<SessionView> live_sessions;
  std::vector<RealServerView> servers;
  Result<ClearedSessions> cleared = ClearedSessions{};
  std::vector<DynamicAddress> addresses;
  std::vector<std::string> not_shared;
  std::map<IpAddress, AddressView> known_addresses;  ///< Others: on no network of this gateway.
  std::vector<LocalInterface> local_interfaces;
  std::vector<EmsAnswer> ems_answers;                ///< To a refresh and to a restart, at once.
  std::vector<CertificateReply> certificate_replies;
  std::uint64_t dropped = 0, lost = 0;
  std::vector<PartHealth> parts = {{"Access proxies", PartHealth::State::kOk, ""}};
  std::vector<std::string> in_the_way;
  std::map<std::string, config::Value> live;
  std::vector<std::string> interfaces = {"port1", "port2"};
  Status forget;
  Result<std::string> denial = fail(ErrorCode::kNotFound, "no denial is in the log; it may be too old");
  Result<DecisionAgain> again = fail(ErrorCode::kNotFound, "the access proxy is not configured any more");
  Result<std::string> firewall_text = std::string("table inet postern {\n}\n");
  bool run_offloaded = true;  ///< false: passwords are hashed to nothing, and none is right.

  // What it was asked.
  std::vector<Done> waiting;  ///< Callbacks not answered yet.
  std::vector<Presented> presenting;
  std::vector<Acceptance> accepted;
  std::vector<config::Author> trusting;  ///< Who accepted, or took back.
  std::string sought;
  std::vector<std::pair<SessionChoice, std::string>> clearings;  ///< And who asked for them.
  std::vector<PastRequest> judged;
  int refreshed = 0, restarted = 0;
  std::vector<Sha256> asked_about;
  int offloaded = 0;
  std::vector<std::size_t> firewall_policies;  ///< How many the configuration had that a ruleset was asked of.

  std::vector<ConnectorStatus> connectors() override;
  std::vector<EndpointView> matched_endpoints() override;
  std::vector<EndpointTrace> endpoint_traces(const std::function<bool(const EndpointView&)>& wanted) override;
  std::vector<SessionView> sessions() override;
  std::vector<RealServerView> real_servers() override { return servers; }
  void clear_sessions(const SessionChoice& which, const std::string& administrator, Cleared done) override;
  std::vector<DynamicAddress> dynamic_addresses() override;
  std::vector<std::string> tags_not_shared() override;
  AddressView address(const IpAddress& ip) override;
  std::vector<LocalInterface> own_interfaces() override;
  SystemStatus system_status() override;
  std::string expose_metrics(metrics::Format format) override;
  std::vector<PartHealth> health() override;
  std::vector<std::string> obstacles() override;
  std::map<std::string, config::Value> live_values(const config::ObjectPath&) override;
  std::vector<std::string> interface_names() override;
  void test_connectivity(ConnectorId, Done done) override;
  void present_certificate(ConnectorId, Presented done) override;
  void accept_certificate(ConnectorId, const Acceptance& acceptance, const config::Author& who, Done done) override;
  Status forget_certificate(ConnectorId, const config::Author& who) override;
  void refresh_connectors(Answered done) override;
  void restart_connectors(Answered done) override;
  void ask_about_certificate(const Sha256& leaf, Replied done) override;
  Result<DecisionAgain> decide_again(const PastRequest& request) override;
  void find_denial(std::string id, Found done) override;
  void firewall_ruleset(const config::ConfigTree& config, bool difference, Found done) override;
  void offload(std::function<void()> blocking, std::function<void()> done) override;
};

/// The endpoint of the walk-through, with its own values.
EndpointView walk_endpoint();
/// Why it is matched and resolved.
EndpointTrace walk_trace();
ConnectorStatus walk_connector();
std::vector<DynamicAddress> walk_addresses();

}  // namespace postern::gateway::cli
