#pragma once
// What advisories are looked up for in an inventory.
#include <string>
#include <string_view>
#include <vector>

#include "base/versions/order.h"
#include "vuln/advisory.h"
#include "vuln/inventory.h"

namespace postern::vuln {

/// A name that advisories may speak of, and the version that is compared.
struct Judged {
  std::string_view name;
  std::string_view version;
  const Package* package;
  bool same(const Judged& other) const { return name == other.name && version == other.version; }
};

/// Each package by its source, whose version decides; in distributions whose advisories name binary packages too, also
/// by its own name. Without the kernel's packages, which are judged by what runs. Sorted by name and version, so that
/// what is the same stands together; as long as the inventory.
std::vector<Judged> judged_packages(const Inventory& inventory);

/// Why nobody knows what is open in this version of this source; empty: it is known. `said` may be null.
std::string why_unjudged(std::string_view name, std::string_view version, versions::Order order, const SourceAdvisories* said);

}  // namespace postern::vuln
