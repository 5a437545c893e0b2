#include "agent/collectors/packages/packages.h"

#include <sys/utsname.h>

#include "base/hex.h"
#include "posture/fact_keys.h"
#include "vuln/matcher.h"
#include "vuln/scan_report.h"

namespace postern::agent {
namespace {

namespace keys = posture::keys;
using posture::UnknownReason;
constexpr const char* kStatus = "/var/lib/dpkg/status";

void kernel_package(Facts& facts, const vuln::Inventory& inventory) {
  if (facts.foreign())
    return facts.unknown(keys::kKernelPackage, UnknownReason::kUnsupported, kForeignRoot);
  utsname machine{};
  ::uname(&machine);
  const auto* package = vuln::running_kernel_package(inventory, {machine.release});
  if (package == nullptr)
    return facts.unknown(keys::kKernelPackage, UnknownReason::kUnsupported, "no package owns the running kernel");
  facts.know(keys::kKernelPackage, package->name, kStatus);
}

}  // namespace

std::string read_packages(Facts& facts) {
  auto inventory = vuln::read_root_inventory(facts.root());
  if (!inventory) {
    facts.unknown(keys::kKernelPackage, reason_of(inventory.error()), kStatus);
    facts.unknown(keys::kInventoryHash, reason_of(inventory.error()), kStatus);
    return {};
  }
  kernel_package(facts, *inventory);
  auto text = vuln::inventory_text(std::move(*inventory));
  if (!text) {
    facts.unknown(keys::kInventoryHash, UnknownReason::kFailed, kStatus);
    return {};
  }
  facts.know(keys::kInventoryHash, to_hex_upper(vuln::inventory_hash(*text)), kStatus);
  return std::move(*text);
}

void collect_packages(Facts& facts) { (void)read_packages(facts); }

}  // namespace postern::agent
