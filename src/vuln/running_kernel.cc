#include "vuln/running_kernel.h"

#include <algorithm>

#include "base/text.h"
#include "base/versions/order.h"
#include "vuln/kernel.h"
#include "vuln/matcher.h"

namespace postern::vuln {
namespace {

/// Alpine's release has its version in it, so that an updated package is none of the running kernel any more.
Package* apk_of(Inventory& inventory, std::string_view release) {
  const auto name = "linux-" + std::string(release.substr(release.rfind('-') + 1));
  const auto at = std::ranges::find(inventory.packages, name, &Package::name);
  return at == inventory.packages.end() || kernel_source(at->source).empty() ? nullptr : &*at;
}

Package* running_in(Inventory& inventory, const std::string& release) {
  const auto* found = running_kernel_package(inventory, {release});
  return found == nullptr ? nullptr : &inventory.packages[static_cast<std::size_t>(found - inventory.packages.data())];
}

std::string build_of(const Inventory& inventory, const KernelSays& kernel) {
  if (inventory.distro.id == "alpine") return alpine_kernel_build(kernel.release);
  auto debian = debian_kernel_build(kernel.version);
  return debian.empty() ? ubuntu_kernel_build(kernel.version_signature) : debian;
}

}  // namespace

std::string debian_kernel_build(std::string_view text) {
  constexpr std::string_view kMark = " Debian ";
  const auto at = text.rfind(kMark);
  if (at == text.npos) return {};
  const auto rest = text.substr(at + kMark.size());
  const auto build = trim(rest.substr(0, rest.find_first_of(" \n")));
  return versions::valid_debian(build) ? std::string(build) : std::string();
}

std::string ubuntu_kernel_build(std::string_view text) {
  constexpr std::string_view kMark = "Ubuntu ";
  if (!text.starts_with(kMark)) return {};
  text.remove_prefix(kMark.size());
  text = text.substr(0, text.find_first_of(" \n"));
  // Behind its last hyphen stands the flavour: "5.15.0-91.101-generic", "5.4.0-26.30-lowlatency".
  const auto build = text.substr(0, text.rfind('-'));
  return build.find('-') != build.npos && versions::valid_debian(build) ? std::string(build) : std::string();
}

std::string alpine_kernel_build(std::string_view release) {
  const auto flavour = release.rfind('-');
  if (flavour == release.npos || flavour == 0) return {};
  const auto revision = release.rfind('-', flavour - 1);
  if (revision == release.npos || revision == 0) return {};
  const auto number = release.substr(revision + 1, flavour - revision - 1);
  if (!parse_u64(number)) return {};
  const auto build = std::string(release.substr(0, revision)).append("-r").append(number);
  return versions::valid(versions::Order::kApk, build) ? build : std::string();
}

void put_running_kernel(Inventory& inventory, const KernelSays& kernel) {
  const auto build = build_of(inventory, kernel);
  if (build.empty() || !valid_inventory_field(build)) return;
  auto* package = inventory.distro.id == "alpine" ? apk_of(inventory, kernel.release) : running_in(inventory, kernel.release);
  if (package == nullptr || kernel_source_version(*package) == build) return;
  package->version = build;
  if (kernel_source_version(*package) != build) package->source_version = build;
  std::ranges::sort(inventory.packages);
}

}  // namespace postern::vuln
