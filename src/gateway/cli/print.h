#pragma once
// The output of diagnostic commands: a public format, pinned by tests/golden. A value that is not known prints as
// nothing behind its label; where each line comes from stands in docs/guide/endpoint-record.md.
#include <string>
#include <vector>

#include "gateway/cli/operations.h"

namespace postern::gateway::cli {

std::string print_endpoint(std::size_t number, const EndpointView& endpoint);
std::string print_dynamic_address(const DynamicAddress& address);
/// `trust_renewals`: does the connector take a renewed certificate by its issuer's key?
std::string print_connector(const ConnectorStatus& connector, bool trust_renewals);
std::string print_certificate(const PresentedCertificate& certificate);

}  // namespace postern::gateway::cli
