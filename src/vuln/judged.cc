#include "vuln/judged.h"

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

std::string unjudged_text(std::string_view name, std::string_view version) {
  return std::string(name).append(1, ' ').append(version);
}

}  // namespace postern::vuln
