#include "vuln/dpkg_status.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"

namespace postern::vuln {
namespace {

bool same_word(std::string_view a, std::string_view lower) {
  return a.size() == lower.size() &&
         std::equal(a.begin(), a.end(), lower.begin(),
                    [](char x, char y) { return (x >= 'A' && x <= 'Z' ? x - 'A' + 'a' : x) == y; });
}

struct Stanza {
  std::size_t first_line = 0;  // 0: none begun.
  std::string_view package, status, arch, version, source;
};

tl::unexpected<Error> bad_status(std::size_t line, std::string_view package, std::string_view why) {
  // The name stands in a message that is shown and sent: only if it is plain text.
  const bool plain = valid_inventory_field(package);
  return fail(ErrorCode::kInvalidArgument,
              fmt::format("dpkg status, line {}{}: {}", line,
                          plain ? fmt::format(" (package {})", package) : "", why));
}

/// "install ok installed" -> "installed"; empty when it is not three words.
std::string_view state_of(std::string_view status) {
  const auto first = status.find(' ');
  if (first == std::string_view::npos) return {};
  const auto second = status.find(' ', first + 1);
  if (second == std::string_view::npos) return {};
  return trim(status.substr(second + 1));
}

bool files_on_disk(std::string_view state) {
  return state == "installed" || state == "triggers-awaited" || state == "triggers-pending" ||
         state == "half-configured" || state == "unpacked";
}

Status finish(Stanza& stanza, std::vector<Package>& packages) {
  const Stanza s = stanza;
  stanza = {};
  if (s.first_line == 0) return {};
  if (s.package.empty()) return bad_status(s.first_line, {}, "an entry without a Package field");
  if (s.status.empty()) return {};  // dpkg's own reading: not installed.
  const auto state = state_of(s.status);
  if (state.empty()) return bad_status(s.first_line, s.package, "its Status is not three words");
  if (!files_on_disk(state)) return {};
  auto source = s.source;
  auto source_version = s.version;
  if (const auto open = source.find('('); open != std::string_view::npos) {
    if (source.back() != ')')
      return bad_status(s.first_line, s.package, "its Source is not \"name (version)\"");
    source_version = trim(source.substr(open + 1, source.size() - open - 2));
    source = trim(source.substr(0, open));
  }
  if (s.source.empty()) source = s.package;
  if (!valid_inventory_field(s.package) || !valid_inventory_field(s.arch) || !valid_inventory_field(s.version) ||
      !valid_inventory_field(source) || !valid_inventory_field(source_version)) {
    return bad_status(s.first_line, s.package,
               "it is installed, but Package, Architecture, Version or Source is missing, too long "
               "or not plain text");
  }
  if (packages.size() == kMaxInventoryPackages) {
    return fail(ErrorCode::kResourceExhausted,
                fmt::format("dpkg status: more than {} installed packages", kMaxInventoryPackages));
  }
  packages.push_back({std::string(s.package), std::string(s.arch), std::string(s.version),
                      std::string(source), std::string(source_version)});
  return {};
}

}  // namespace

Result<Inventory> parse_dpkg_status(std::string_view text, Distro distro) {
  if (text.size() > kMaxDpkgStatusBytes) {
    return fail(ErrorCode::kResourceExhausted,
                fmt::format("dpkg status has {} bytes; at most {} are read", text.size(),
                            kMaxDpkgStatusBytes));
  }
  Inventory inventory;
  inventory.distro = std::move(distro);
  Stanza stanza;
  std::size_t number = 0;
  while (!text.empty()) {
    ++number;
    const auto end = text.find('\n');
    if (end == std::string_view::npos)
      return bad_status(number, stanza.package, "the last line has no end: truncated");
    const auto line = text.substr(0, end);
    text.remove_prefix(end + 1);
    if (line.empty()) {
      if (auto s = finish(stanza, inventory.packages); !s) return fail(s.error());
      continue;
    }
    if (line.front() == ' ' || line.front() == '\t') {
      if (stanza.first_line == 0) return bad_status(number, {}, "a continued line with nothing before it");
      continue;
    }
    const auto colon = line.find(':');
    if (colon == 0 || colon == std::string_view::npos)
      return bad_status(number, stanza.package, "it is no \"Field: value\"");
    if (stanza.first_line == 0) stanza.first_line = number;
    const auto field = line.substr(0, colon);
    std::string_view* place = nullptr;
    if (same_word(field, "package")) place = &stanza.package;
    if (same_word(field, "status")) place = &stanza.status;
    if (same_word(field, "architecture")) place = &stanza.arch;
    if (same_word(field, "version")) place = &stanza.version;
    if (same_word(field, "source")) place = &stanza.source;
    if (place == nullptr) continue;
    if (!place->empty()) return bad_status(number, stanza.package, "the field is given twice");
    *place = trim(line.substr(colon + 1));
  }
  if (auto s = finish(stanza, inventory.packages); !s) return fail(s.error());
  auto& packages = inventory.packages;
  if (packages.empty()) {
    return fail(ErrorCode::kInvalidArgument,
                "dpkg status lists no installed package: it is empty or damaged");
  }
  std::sort(packages.begin(), packages.end());
  const auto twice = std::adjacent_find(
      packages.begin(), packages.end(),
      [](const Package& a, const Package& b) { return a.name == b.name && a.arch == b.arch; });
  if (twice != packages.end()) {
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("dpkg status: package {} of architecture {} is listed twice",
                            twice->name, twice->arch));
  }
  return inventory;
}

}  // namespace postern::vuln
