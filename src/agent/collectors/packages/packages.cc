#include "agent/collectors/packages/packages.h"

#include <sys/utsname.h>

#include <algorithm>
#include <iterator>

#include "base/hex.h"
#include "posture/fact_keys.h"
#include "vuln/matcher.h"
#include "vuln/root_inventory.h"
#include "vuln/running_kernel.h"

namespace postern::agent {
namespace {

namespace keys = posture::keys;
using posture::UnknownReason;

vuln::KernelSays running_kernel(const Facts& facts) {
  constexpr std::size_t kMaxText = 4096;
  utsname machine{};
  ::uname(&machine);
  return {.release = machine.release,
          .version = facts.read("/proc/version", kMaxText).value_or(""),
          .version_signature = facts.read("/proc/version_signature", kMaxText).value_or("")};
}

void kernel_package(Facts& facts, const vuln::Inventory& inventory, const std::string& release, const std::string& database) {
  const auto* package = vuln::running_kernel_package(inventory, {release});
  if (package == nullptr)
    return facts.unknown(keys::kKernelPackage, UnknownReason::kUnsupported, "no package owns the running kernel");
  facts.know(keys::kKernelPackage, package->name, database);
}

}  // namespace

std::string_view package_database(const Facts& facts) {
  const auto is_there = [&](std::string_view file) { return facts.exists(file); };
  const auto at = std::find_if(std::begin(kPackageDatabases), std::end(kPackageDatabases), is_there);
  return at == std::end(kPackageDatabases) ? std::string_view() : *at;
}

std::string read_packages(Facts& facts) {
  std::string database;
  auto inventory = vuln::read_root_inventory(facts.root(), &database);
  if (!inventory) {
    facts.unknown(keys::kKernelPackage, reason_of(inventory.error()), database);
    facts.unknown(keys::kInventoryHash, reason_of(inventory.error()), database);
    return {};
  }
  if (facts.foreign()) {
    facts.unknown(keys::kKernelPackage, UnknownReason::kUnsupported, kForeignRoot);
  } else {
    const auto kernel = running_kernel(facts);
    vuln::put_running_kernel(*inventory, kernel);
    kernel_package(facts, *inventory, kernel.release, database);
  }
  auto text = vuln::inventory_text(std::move(*inventory));
  if (!text) {
    facts.unknown(keys::kInventoryHash, UnknownReason::kFailed, database);
    return {};
  }
  facts.know(keys::kInventoryHash, to_hex_upper(vuln::inventory_hash(*text)), database);
  return std::move(*text);
}

void collect_packages(Facts& facts) { (void)read_packages(facts); }

}  // namespace postern::agent
