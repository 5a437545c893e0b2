#pragma once
// Installed packages: the inventory that the EMS matches, its hash, and the package of the running kernel.
#include <string>
#include <string_view>

#include "agent/collectors/collector.h"
#include "vuln/inventory.h"

namespace postern::agent {

inline constexpr std::string_view kPackageFiles[] = {"/var/lib/dpkg/status"};
void collect_packages(Facts& facts);

/// The inventory's canonical text. Errors: those of reading and of src/vuln's parsers.
Result<std::string> collect_inventory(const std::filesystem::path& root);

}  // namespace postern::agent
