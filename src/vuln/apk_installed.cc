#include "vuln/apk_installed.h"

#include <fmt/format.h>

#include <algorithm>

namespace postern::vuln {
namespace {

constexpr std::string_view kNoArchitecture = "noarch";

struct ApkEntry {
  std::size_t first_line = 0;  // 0: none begun.
  std::string_view name, version, arch, origin;
};

tl::unexpected<Error> bad_apk(std::size_t line, std::string_view package, std::string_view why) {
  return fail(ErrorCode::kInvalidArgument,
              fmt::format("apk's installed, line {}{}: {}", line,
                          valid_inventory_field(package) ? fmt::format(" (package {})", package) : "", why));
}

Status finish_apk(ApkEntry& entry, std::vector<Package>& packages) {
  auto e = entry;
  entry = {};
  if (e.first_line == 0) return {};
  if (e.arch.empty()) e.arch = kNoArchitecture;
  if (e.origin.empty()) e.origin = e.name;
  if (!valid_inventory_field(e.name) || !valid_inventory_field(e.version) || !valid_inventory_field(e.arch) ||
      !valid_inventory_field(e.origin)) {
    return bad_apk(e.first_line, e.name,
                   "its name (P), version (V), architecture (A) or origin (o) is missing, too "
                   "long or not plain text");
  }
  if (packages.size() == kMaxInventoryPackages) {
    return fail(ErrorCode::kResourceExhausted,
                fmt::format("apk's installed: more than {} installed packages", kMaxInventoryPackages));
  }
  packages.push_back({std::string(e.name), std::string(e.arch), std::string(e.version), std::string(e.origin),
                      std::string(e.version)});
  return {};
}

}  // namespace

Result<Inventory> parse_apk_installed(std::string_view text, Distro distro) {
  if (text.size() > kMaxApkInstalledBytes) {
    return fail(ErrorCode::kResourceExhausted,
                fmt::format("apk's installed has {} bytes; at most {} are read", text.size(), kMaxApkInstalledBytes));
  }
  Inventory inventory;
  inventory.distro = std::move(distro);
  ApkEntry entry;
  std::size_t number = 0;
  while (!text.empty()) {
    ++number;
    const auto end = text.find('\n');
    if (end == std::string_view::npos) return bad_apk(number, entry.name, "the last line has no end: truncated");
    const auto line = text.substr(0, end);
    text.remove_prefix(end + 1);
    if (line.empty()) {
      if (auto s = finish_apk(entry, inventory.packages); !s) return fail(s.error());
      continue;
    }
    if (line.size() < 2 || line[1] != ':') return bad_apk(number, entry.name, "it is no \"X:value\"");
    if (entry.first_line == 0) entry.first_line = number;
    std::string_view* place = nullptr;
    if (line[0] == 'P') place = &entry.name;
    if (line[0] == 'V') place = &entry.version;
    if (line[0] == 'A') place = &entry.arch;
    if (line[0] == 'o') place = &entry.origin;
    if (place == nullptr) continue;
    if (!place->empty()) return bad_apk(number, entry.name, "the field is given twice");
    *place = line.substr(2);
  }
  if (auto s = finish_apk(entry, inventory.packages); !s) return fail(s.error());
  return checked_inventory(std::move(inventory), "apk's installed");
}

}  // namespace postern::vuln
