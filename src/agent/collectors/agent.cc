#include "agent/collectors/collector.h"
#include "base/file.h"
#include "posture/fact_keys.h"

namespace postern::agent {

namespace keys = posture::keys;

void collect_agent(Facts& facts) {
  facts.know(keys::kAgentVersion, std::string(POSTERN_VERSION), "agent");
  facts.know(keys::kVulnEngineVersion, std::string(POSTERN_VERSION), "agent");
  // The scan is ours: it works where there is a package database to read.
  std::error_code ec;
  facts.know(keys::kFeatureVulnScan, std::filesystem::exists(facts.path("/var/lib/dpkg/status"), ec), "/var/lib/dpkg/status");
  facts.know(keys::kAvatarSource, std::string("OS"), "agent");
}

}  // namespace postern::agent
