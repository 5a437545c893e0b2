#pragma once
// Installed packages, of dpkg, rpm or apk: the inventory that the EMS matches, its hash, and the package of the running
// kernel.
#include <string>
#include <string_view>

#include "agent/collectors/collector.h"

namespace postern::agent {

/// Where packaging systems keep what is installed (vuln/root_inventory.h says which of them counts).
inline constexpr std::string_view kPackageDatabases[] = {
    "/var/lib/dpkg/status",      "/usr/lib/sysimage/rpm/rpmdb.sqlite",
    "/var/lib/rpm/rpmdb.sqlite", "/usr/lib/sysimage/rpm/Packages.db",
    "/lib/apk/db/installed",     "/usr/lib/apk/db/installed",
};
/// A change of any of these means: read again. rpm writes to its log first.
inline constexpr std::string_view kPackageFiles[] = {
    "/var/lib/dpkg/status",      "/usr/lib/sysimage/rpm/rpmdb.sqlite", "/usr/lib/sysimage/rpm/rpmdb.sqlite-wal",
    "/var/lib/rpm/rpmdb.sqlite", "/var/lib/rpm/rpmdb.sqlite-wal",      "/usr/lib/sysimage/rpm/Packages.db",
    "/lib/apk/db/installed",     "/usr/lib/apk/db/installed",          "/etc/os-release",
    "/usr/lib/os-release",
};
/// The first of the databases that is there; empty when none is.
std::string_view package_database(const Facts& facts);
void collect_packages(Facts& facts);

/// The same facts, and the inventory's canonical text that they are about; empty where there is none.
std::string read_packages(Facts& facts);

}  // namespace postern::agent
