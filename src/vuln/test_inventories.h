#pragma once
// Inventories for tests.
#include <string>
#include <utility>
#include <vector>

#include "vuln/inventory.h"

namespace postern::vuln {

inline Package one(std::string source, std::string version) { return {source, "amd64", version, source, version}; }

inline Package image(const std::string& release, const std::string& version) {
  return {"linux-image-" + release, "amd64", version, "linux-signed-amd64", version + "+sign"};
}

inline Inventory of_debian12(std::vector<Package> packages) { return {{"debian", "12"}, std::move(packages)}; }

}  // namespace postern::vuln
