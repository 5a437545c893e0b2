#pragma once
// What the command line and the REST API ask of the running gateway.
#include "gateway/cli/operations.h"
#include "gateway/neighbours/watch.h"
#include "gateway/shell/context.h"
#include "gateway/shell/fabric_certificates.h"
#include "gateway/shell/fabric_channels.h"

namespace postern::gateway {

/// Thread: loop.
class LiveOperations final : public cli::GatewayOperations {
 public:
  /// `watch`: nullptr without IP/MAC control; then the kernel's interfaces are not known.
  LiveOperations(Context& context, FabricChannels& channels, const NetworkWatch* watch)
      : context_(context), channels_(channels), certificates_(context, channels), watch_(watch) {}

  std::vector<cli::ConnectorStatus> connectors() override;
  std::vector<cli::EndpointView> matched_endpoints() override;
  std::vector<cli::DynamicAddress> dynamic_addresses() override;
  cli::SystemStatus system_status() override;
  std::map<std::string, config::Value> live_values(const config::ObjectPath& path) override;
  std::vector<std::string> interface_names() override;
  void test_connectivity(ConnectorId id, Done done) override { certificates_.test_connectivity(id, std::move(done)); }
  void present_certificate(ConnectorId id, Presented done) override { certificates_.present(id, std::move(done)); }
  void accept_certificate(ConnectorId id, const Sha256& fingerprint, Done done) override {
    certificates_.accept(id, fingerprint, std::move(done));
  }
  Status forget_certificate(ConnectorId id) override { return certificates_.forget(id); }
  void offload(std::function<void()> blocking, std::function<void()> done) override {
    context_.loop.offload(std::move(blocking), std::move(done));
  }

 private:
  Context& context_;
  FabricChannels& channels_;
  FabricCertificates certificates_;
  const NetworkWatch* watch_;
};

}  // namespace postern::gateway
