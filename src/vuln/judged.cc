#include "vuln/judged.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>

#include "vuln/ecosystem.h"
#include "vuln/kernel.h"

namespace postern::vuln {

std::vector<Judged> judged_packages(const Inventory& inventory) {
  const auto ecosystem = known_ecosystem(ecosystem_of(inventory.distro));
  const bool binary_names = ecosystem && ecosystem->binary_names;
  std::vector<Judged> out;
  out.reserve(inventory.packages.size() * (binary_names ? 2 : 1));
  for (const auto& p : inventory.packages) {
    if (!kernel_source(p.source).empty()) continue;
    out.push_back({p.source, p.source_version, &p});
    if (binary_names && p.name != p.source) out.push_back({p.name, p.version, &p});
  }
  std::sort(out.begin(), out.end(), [](const Judged& a, const Judged& b) {
    return std::tie(a.name, a.version, a.package) < std::tie(b.name, b.version, b.package);
  });
  return out;
}

std::string why_unjudged(std::string_view name, std::string_view version, versions::Order order, const SourceAdvisories* said) {
  if (said == nullptr) return {};
  if (!said->unread.empty()) return fmt::format("{}: the record {} about it can't be understood", name, said->unread);
  if (versions::valid(order, version)) return {};
  return fmt::format("{}: its version {} is none of its distribution", name, version);
}

}  // namespace postern::vuln
