#pragma once
// What the command line and the REST API ask of the running gateway.
#include "ecshm/writer.h"
#include "gateway/cli/operations.h"
#include "gateway/metrics/counted.h"
#include "gateway/neighbours/watch.h"
#include "gateway/shell/context.h"
#include "gateway/shell/fabric_certificates.h"
#include "gateway/shell/fabric_channels.h"
#include "gateway/shell/fabric_inquiries.h"
#include "gateway/shell/firewall_control.h"
#include "gateway/shell/kept_views.h"
#include "gateway/shell/nginx_control.h"
#include "gateway/shell/server_health.h"
#include "gateway/syslog/log.h"
#include "gateway/ztna/module_channel.h"
#include "gateway/ztna/traffic_log.h"

namespace postern::gateway {

/// Thread: loop.
class LiveOperations final : public cli::GatewayOperations {
 public:
  struct Parts {
    const NginxControl& nginx;
    const KeptViews& views;
    const FirewallControl* firewall;  ///< nullptr without IP/MAC control.
    const NetworkWatch* watch;        ///< Likewise; then the kernel's interfaces are not known.
    ModuleChannel& modules;
    TrafficLog& traffic;
    const ecshm::Writer* shm = nullptr;            ///< nullptr: nothing of ec-shm is told.
    const metrics::Counted* counted = nullptr;     ///< nullptr: nothing was counted.
    const syslog::Log* remote_log = nullptr;       ///< nullptr: there is none.
    std::function<Status()> api = nullptr;  ///< Whether the REST API is reached; nullptr: there is none.
    const ServerHealth* servers = nullptr;  ///< nullptr: nobody asks the real servers.
  };
  /// All outlive this.
  LiveOperations(Context& context, FabricChannels& channels, const Parts& parts);
  /// To be called whenever the core has done something: whoever waits for an EMS's answer may have it.
  void follow() { inquiries_.follow(); }

  std::vector<cli::ConnectorStatus> connectors() override;
  std::vector<cli::EndpointView> matched_endpoints() override;
  std::vector<cli::EndpointTrace> endpoint_traces(const std::function<bool(const cli::EndpointView&)>& wanted) override;
  std::vector<cli::SessionView> sessions() override;
  std::vector<cli::RealServerView> real_servers() override {
    return parts_.servers == nullptr ? std::vector<cli::RealServerView>() : parts_.servers->servers();
  }
  void clear_sessions(const cli::SessionChoice& which, const std::string& administrator, Cleared done) override;
  std::vector<cli::DynamicAddress> dynamic_addresses() override;
  std::vector<std::string> tags_not_shared() override;
  cli::AddressView address(const IpAddress& ip) override;
  std::vector<LocalInterface> own_interfaces() override { return context_.core->resolver().interfaces(); }
  cli::SystemStatus system_status() override;
  std::string expose_metrics(metrics::Format format) override;
  std::vector<cli::PartHealth> health() override;
  std::vector<std::string> obstacles() override { return parts_.nginx.obstacles(); }
  std::map<std::string, config::Value> live_values(const config::ObjectPath& path) override;
  std::vector<std::string> interface_names() override;
  void test_connectivity(ConnectorId id, Done done) override { certificates_.test_connectivity(id, std::move(done)); }
  void present_certificate(ConnectorId id, Presented done) override { certificates_.present(id, std::move(done)); }
  void accept_certificate(ConnectorId id, const cli::Acceptance& acceptance, const config::Author& who,
                          Done done) override {
    certificates_.accept(id, acceptance, who, std::move(done));
  }
  Status forget_certificate(ConnectorId id, const config::Author& who) override { return certificates_.forget(id, who); }
  void refresh_connectors(Answered done) override { inquiries_.refresh(std::move(done)); }
  void restart_connectors(Answered done) override { inquiries_.restart(std::move(done)); }
  void ask_about_certificate(const Sha256& leaf, Replied done) override { inquiries_.ask_about(leaf, std::move(done)); }
  Result<cli::DecisionAgain> decide_again(const cli::PastRequest& request) override;
  void find_denial(std::string id, Found done) override;
  void firewall_ruleset(const config::ConfigTree& config, bool difference, Found done) override;
  void offload(std::function<void()> blocking, std::function<void()> done) override {
    context_.loop.offload(std::move(blocking), std::move(done));
  }

 private:
  Context& context_;
  FabricChannels& channels_;
  FabricCertificates certificates_;
  FabricInquiries inquiries_;
  const Parts parts_;
  const NetworkWatch* watch_;
};

}  // namespace postern::gateway
