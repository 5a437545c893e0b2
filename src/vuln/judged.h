#pragma once
// What advisories are looked up for in an inventory.
#include <string>
#include <string_view>
#include <vector>

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

/// "expat !"
std::string unjudged_text(std::string_view name, std::string_view version);

}  // namespace postern::vuln
