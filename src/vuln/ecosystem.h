#pragma once
// OSV's names of distributions: which of them can be judged here, and how.
#include <optional>
#include <string>
#include <string_view>

#include "base/versions/order.h"
#include "vuln/inventory.h"

namespace postern::vuln {

/// An ecosystem whose advisories can be judged.
struct Ecosystem {
  std::string name;  ///< As advisories are kept by: that of the record, without what divides one release further.
  versions::Order order = versions::Order::kDpkg;
  /// Records name binary packages as well as sources.
  bool binary_names = false;
};

/// What the "ecosystem" of an OSV record is here; nothing for one that no distribution below has. "Red
/// Hat:enterprise_linux:9::appstream" and "::baseos" are both "Red Hat:enterprise_linux:9": which of its repositories a
/// package came from is not known.
std::optional<Ecosystem> known_ecosystem(std::string_view osv_name);

// Of distributions, ecosystem_of() (inventory.h) knows "Debian:12", "Ubuntu:22.04:LTS", "Alpine:v3.19", "Rocky
// Linux:9", "AlmaLinux:9", "Red Hat:enterprise_linux:9", "openSUSE:Leap 15.6", "openSUSE:Tumbleweed" and "Mageia:9";
// not what is not released (Debian testing, Alpine edge), nor SUSE's enterprise products, which are named by module and
// kind of support. Fixes that Ubuntu gives to subscribers of Pro only ("Ubuntu:Pro:…") are left out.

}  // namespace postern::vuln
