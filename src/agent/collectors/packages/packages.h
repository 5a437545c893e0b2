#pragma once
// Installed packages: the inventory that the EMS matches, its hash, and the package of the running kernel.
#include <string>
#include <string_view>

#include "agent/collectors/collector.h"

namespace postern::agent {

inline constexpr std::string_view kPackageFiles[] = {"/var/lib/dpkg/status", "/etc/os-release", "/usr/lib/os-release"};
void collect_packages(Facts& facts);

/// The same facts, and the inventory's canonical text that they are about; empty where there is none.
std::string read_packages(Facts& facts);

}  // namespace postern::agent
