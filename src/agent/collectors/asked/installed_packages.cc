// package.versions: of whatever package manager the system has.
#include <algorithm>

#include "agent/collectors/asked.h"
#include "posture/fact_keys.h"
#include "vuln/root_inventory.h"

namespace postern::agent {
namespace installed_packages_family {
namespace {

namespace keys = posture::keys;

void answer(const Question& question, Facts& facts) {
  std::string database;
  const auto inventory = vuln::read_root_inventory(facts.root(), &database);
  if (database.empty()) database = "the database of packages";
  for (const auto& name : question.arguments(keys::kPackageVersions)) {
    const auto key = keys::with(keys::kPackageVersions, name);
    if (!inventory) {
      facts.unknown(key, reason_of(inventory.error()), inventory.error().message);
      continue;
    }
    std::vector<std::string> versions;
    for (const auto& package : inventory->packages) {
      if (package.name == name) versions.push_back(package.version);
    }
    std::ranges::sort(versions);
    versions.erase(std::unique(versions.begin(), versions.end()), versions.end());
    facts.know(key, std::move(versions), database);
  }
}

Triggers triggers(const Question&, const Facts&) {
  Triggers out{.files = {std::string(vuln::kDpkgStatus), "/etc/os-release", "/usr/lib/os-release"}};
  for (const auto path : vuln::kApkInstalled) out.files.emplace_back(path);
  for (const auto directory : vuln::kRpmDirectories) out.files.emplace_back(directory);
  return out;
}

}  // namespace
}  // namespace installed_packages_family

namespace asked {
const AskedFamily& installed_packages() {
  static const AskedFamily kFamily{.name = "installed packages",
                                   .keys = {posture::keys::kPackageVersions},
                                   .answer = installed_packages_family::answer,
                                   .triggers = installed_packages_family::triggers,
                                   .pause = std::chrono::milliseconds(300),
                                   .costly = true};
  return kFamily;
}
}  // namespace asked

}  // namespace postern::agent
