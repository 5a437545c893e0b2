#include "agent/collectors/network/network.h"

#include "agent/collectors/network/reader.h"
#include "posture/fact_keys.h"

namespace postern::agent {

namespace keys = posture::keys;

void network_facts(const NetworkTable& table, const NetworkTable::GatewayMacs& kept, Facts& facts) {
  facts.know(keys::kInterfaces, table.interfaces(), "rtnetlink");
  facts.know(keys::kRoutes, table.routes(kept), "rtnetlink");
  facts.know(keys::kMacs, table.macs(), "rtnetlink");
}

void collect_network(Facts& facts) {
  auto reason = posture::UnknownReason::kUnsupported;
  if (!facts.foreign()) {
    const auto reader = NetworkReader::open();
    if (reader) return network_facts((*reader)->table(), {}, facts);
    reason = reason_of(reader.error());
  }
  for (const auto key : {keys::kInterfaces, keys::kRoutes, keys::kMacs}) {
    facts.unknown(key, reason, facts.foreign() ? kForeignRoot : "rtnetlink");
  }
}

}  // namespace postern::agent
