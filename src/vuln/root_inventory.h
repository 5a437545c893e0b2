#pragma once
// What is installed in a root file system: the running one, an image, a mounted disk.
#include <filesystem>
#include <string>
#include <string_view>

#include "base/result.h"
#include "vuln/inventory.h"

namespace postern::vuln {

/// Where packaging systems keep what is installed. Of several places the first that is there counts.
inline constexpr std::string_view kDpkgStatus = "/var/lib/dpkg/status";
inline constexpr std::string_view kApkInstalled[] = {"/lib/apk/db/installed", "/usr/lib/apk/db/installed"};
inline constexpr std::string_view kRpmDirectories[] = {"/usr/lib/sysimage/rpm", "/var/lib/rpm"};

/// Reads os-release, and the packages of the system that the distribution uses (of a distribution not known: of
/// whichever is there). Links inside the root lead nowhere outside of it. `database`, if given, becomes the file that
/// was read, or that could not be. Errors: those of the files and parsers; kNotFound (no os-release, no packages),
/// kUnsupported (a database of rpm's in its oldest format, Berkeley DB).
Result<Inventory> read_root_inventory(const std::filesystem::path& root, std::string* database = nullptr);

}  // namespace postern::vuln
