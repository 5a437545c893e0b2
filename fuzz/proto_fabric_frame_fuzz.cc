// What gateways send; a subscription is answered from a small view.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "proto/fabric_server.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace postern;
  const auto event = proto::fabric_server::read_frame({data, size});
  if (!event) return 0;
  if (const auto* subscribe = std::get_if<proto::fabric_server::Subscribe>(&*event)) {
    proto::FabricPublisher publisher(1);
    publisher.update(1, {{EndpointUid(std::string(32, 'A')), "entry"}}, {{1, "tag"}});
    publisher.update(2, {{EndpointUid(std::string(32, 'A')), std::nullopt}}, {});
    if (publisher.subscribe(*subscribe).empty()) std::abort();  // always answered
  }
  return 0;
}
