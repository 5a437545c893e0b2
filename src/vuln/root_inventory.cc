#include "vuln/root_inventory.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <array>
#include <cerrno>
#include <optional>

#include "base/file.h"
#include "vuln/apk_installed.h"
#include "vuln/dpkg_status.h"
#include "vuln/ecosystem.h"
#include "vuln/rpm_database.h"
#include "vuln/rpm_ndb.h"

namespace postern::vuln {
namespace {

namespace fs = std::filesystem;
using versions::Order;

constexpr std::size_t kMaxOsRelease = 64u << 10;
constexpr std::string_view kOsReleases[] = {"/etc/os-release", "/usr/lib/os-release"};

bool is_there(const fs::path& root, std::string_view name) {
  struct stat st {};
  return ::stat(path_in_root(root, name).c_str(), &st) == 0 || errno == ENAMETOOLONG;  // A loop is read, and fails.
}

Result<std::string> read_below(const fs::path& root, std::string_view name, std::size_t limit) {
  return read_file(path_in_root(root, name), limit);
}

constexpr std::string_view kNdb = "Packages.db";

struct RpmForm {
  std::string_view file;
  std::string_view format;  // Empty: one that is read.
};
constexpr RpmForm kRpmForms[] = {{"rpmdb.sqlite", ""}, {kNdb, ""}, {"Packages", "Berkeley DB"}};

/// A database that was found.
struct PackageStore {
  Order system;
  std::string file;
  std::string_view format;  // Of rpm's.
};

std::optional<PackageStore> find_packages(const fs::path& root, Order system) {
  if (system == Order::kDpkg && is_there(root, kDpkgStatus)) return PackageStore{system, std::string(kDpkgStatus), {}};
  if (system == Order::kApk) {
    for (const auto file : kApkInstalled)
      if (is_there(root, file)) return PackageStore{system, std::string(file), {}};
  }
  if (system == Order::kRpm) {
    for (const auto& form : kRpmForms) {
      for (const auto directory : kRpmDirectories) {
        const auto file = fmt::format("{}/{}", directory, form.file);
        if (is_there(root, file)) return PackageStore{system, file, form.format};
      }
    }
  }
  return std::nullopt;
}

/// What a person looks for in vain.
std::string_view place_of(Order system) {
  if (system == Order::kApk) return "lib/apk/db/installed";
  if (system == Order::kRpm) return "var/lib/rpm/rpmdb.sqlite";
  return "var/lib/dpkg/status";
}

Result<Distro> distro_in(const fs::path& root) {
  Result<std::string> text = fail(ErrorCode::kNotFound, "");
  for (const auto name : kOsReleases)
    if (!text && text.error().code == ErrorCode::kNotFound) text = read_below(root, name, kMaxOsRelease);
  if (!text && text.error().code == ErrorCode::kNotFound) {
    return fail(ErrorCode::kNotFound,
                fmt::format("{} has neither etc/os-release nor usr/lib/os-release: is it the root "
                            "of a file system?",
                            root.native()));
  }
  if (!text) return fail(text.error().context("which distribution it is"));
  return parse_os_release(*text);
}

Result<Inventory> read_rpms(const fs::path& root, const PackageStore& found, Distro distro) {
  if (!found.format.empty()) {
    return fail(ErrorCode::kUnsupported,
                fmt::format("{} is rpm's database in the format {}, which is not read here; `rpm --rebuilddb --define "
                            "'_db_backend sqlite'` writes the one that is",
                            found.file, found.format));
  }
  const auto database = read_below(root, found.file, kMaxRpmDatabaseBytes);
  if (!database) return fail(database.error().context("installed packages"));
  if (found.file.ends_with(kNdb)) {
    const auto headers = read_rpm_ndb(*database);
    if (!headers) return fail(headers.error());
    return inventory_of_rpms(*headers, std::move(distro));
  }
  auto log = read_below(root, found.file + "-wal", kMaxRpmDatabaseBytes);
  if (!log && log.error().code == ErrorCode::kNotFound) log = std::string();
  if (!log) return fail(log.error().context("installed packages"));
  const auto headers = read_rpm_database(*database, *log);
  if (!headers) return fail(headers.error());
  return inventory_of_rpms(*headers, std::move(distro));
}

}  // namespace

Result<Inventory> read_root_inventory(const fs::path& root, std::string* database) {
  if (database != nullptr) *database = kDpkgStatus;
  auto distro = distro_in(root);
  if (!distro) return fail(distro.error());
  const auto ecosystem = known_ecosystem(ecosystem_of(*distro));
  std::optional<PackageStore> found;
  for (const auto system : {Order::kDpkg, Order::kRpm, Order::kApk}) {
    if (!found && (!ecosystem || ecosystem->order == system)) found = find_packages(root, system);
  }
  if (!found) {
    const auto wanted =
        ecosystem ? std::string(place_of(ecosystem->order))
                  : fmt::format("{}, {} or {}", place_of(Order::kDpkg), place_of(Order::kRpm), place_of(Order::kApk));
    return fail(ErrorCode::kNotFound, fmt::format("{} ({} {}) has no {}: what is installed cannot be told",
                                                  root.native(), distro->id, distro->version, wanted));
  }
  if (database != nullptr) *database = found->file;
  if (found->system == Order::kRpm) return read_rpms(root, *found, std::move(*distro));
  const auto text =
      read_below(root, found->file, found->system == Order::kApk ? kMaxApkInstalledBytes : kMaxDpkgStatusBytes);
  if (!text) return fail(text.error().context("installed packages"));
  return found->system == Order::kApk ? parse_apk_installed(*text, std::move(*distro))
                                      : parse_dpkg_status(*text, std::move(*distro));
}

}  // namespace postern::vuln
