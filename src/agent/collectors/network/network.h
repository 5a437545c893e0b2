#pragma once
// Interfaces, hardware addresses and default routes, by rtnetlink.
#include "agent/collectors/collector.h"
#include "agent/collectors/network/table.h"

namespace postern::agent {

void collect_network(Facts& facts);
/// The facts of a table that is already there. `kept`: as for the table's routes.
void network_facts(const NetworkTable& table, const NetworkTable::GatewayMacs& kept, Facts& facts);

}  // namespace postern::agent
