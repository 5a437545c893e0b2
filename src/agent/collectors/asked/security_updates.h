#pragma once
// What apt's lists of packages say of security updates. Pure.
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "vuln/inventory.h"

namespace postern::agent {

/// "Wed, 25 Nov 2026 02:22:30 UTC" (or GMT, +0000), as Unix ms.
std::optional<std::int64_t> parse_release_date(std::string_view text);

/// The head of an archive's InRelease or Release file.
struct AptRelease {
  std::string origin, label, suite, codename;
  std::optional<std::int64_t> at;  ///< When the archive made it, Unix ms.
};
AptRelease parse_apt_release(std::string_view text);
/// Does it hold the security updates of a distribution's release, such as "bookworm"? As Debian and Ubuntu name them.
bool is_security_of(const AptRelease& release, std::string_view codename);
/// Is it the archive of one of these distributions, as os-release calls them ("debian"), whatever the case? Others call
/// their releases as they like.
bool is_archive_of(const AptRelease& release, const std::vector<std::string>& distributions);

/// A package in an index of an archive (Packages). The texts point into the index.
struct ListedPackage {
  std::string_view name, arch, version;
  friend bool operator==(const ListedPackage&, const ListedPackage&) = default;
};
inline constexpr std::size_t kMaxListedPackages = 200'000;
/// Fields' names are of any case. Errors: kInvalidArgument (an entry lacks its name or architecture or has no version
/// that is one, a line is none of an index), kResourceExhausted.
Result<std::vector<ListedPackage>> parse_packages_index(std::string_view text);

/// Which of the installed packages (by index, `installed` ascending by name) are older than what is listed, added to
/// `pending`, which has as many entries.
void mark_older(const std::vector<vuln::Package>& installed, const std::vector<ListedPackage>& listed,
                std::vector<bool>& pending);

}  // namespace postern::agent
