#pragma once
// Whom a connector may trust: what an EMS shows, and what an administrator says of it.
#include <map>

#include "gateway/cli/operations.h"
#include "gateway/shell/fabric_channels.h"

namespace postern::gateway {

/// Several questions may be open at once. Thread: loop.
class FabricCertificates {
 public:
  using Done = cli::GatewayOperations::Done;
  using Presented = cli::GatewayOperations::Presented;

  FabricCertificates(Context& context, FabricChannels& channels) : context_(context), channels_(channels) {}

  /// These are GatewayOperations' of the same names.
  void test_connectivity(ConnectorId id, Done done);
  void present(ConnectorId id, Presented done);
  void accept(ConnectorId id, const cli::Acceptance& acceptance, const config::Author& who, Done done);
  Status forget(ConnectorId id, const config::Author& who);

 private:
  void probe(const config::FctemsConfig& config, net::ProbeReply reply);
  Status connection_state(ConnectorId id) const;
  /// Another EMS stopped the connector, and still shows this certificate. Who shows one that was never accepted has not
  /// been asked who it is.
  bool other_ems(ConnectorId id, const std::vector<Bytes>& chain_der) const;
  /// Whether an administrator has decided about the other EMS that answers; otherwise what to decide.
  Status decided(ConnectorId id, const cli::Acceptance& acceptance) const;
  Status keep_acceptance(ConnectorId id, const cli::Acceptance& acceptance, const config::Author& who,
                         const std::vector<Bytes>& chain_der);

  Context& context_;
  FabricChannels& channels_;
  std::map<std::uint64_t, net::Handle> probes_;
  std::uint64_t next_probe_ = 0;
};

}  // namespace postern::gateway
