#include "agent/collectors/agent/agent.h"

#include "agent/collectors/packages/packages.h"
#include "posture/fact_keys.h"

namespace postern::agent {

namespace keys = posture::keys;

void collect_agent(Facts& facts) {
  facts.know(keys::kAgentVersion, std::string(POSTERN_VERSION), "agent");
  // The scan is ours (the inventory goes up, the EMS matches it): it works where there is a package database to read.
  // The daemon takes these two back when the endpoint's profile switches the scan off.
  const auto database = package_database(facts);
  facts.know(keys::kFeatureVulnScan, !database.empty(), std::string(database.empty() ? "agent" : database));
  facts.know(keys::kVulnEngineVersion, std::string(POSTERN_VERSION), "agent");
}

}  // namespace postern::agent
