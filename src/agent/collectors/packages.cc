#include "agent/collectors/collector.h"
#include "vuln/inventory.h"
#include "vuln/scan_report.h"

namespace postern::agent {

Result<std::string> collect_inventory(const std::filesystem::path& root) {
  auto inventory = vuln::read_root_inventory(root);
  if (!inventory) return fail(inventory.error());
  return vuln::inventory_text(std::move(*inventory));
}

}  // namespace postern::agent
