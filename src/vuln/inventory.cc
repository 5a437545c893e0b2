#include "vuln/inventory.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/sort_unique.h"
#include "base/text.h"

namespace postern::vuln {
namespace {

constexpr std::string_view kFirstLine = "postern-inventory 1";
constexpr std::string_view kDistroWord = "distro";
constexpr std::string_view kNoVersion = "-";

Status check_distro(const Distro& distro) {
  if (!valid_inventory_field(distro.id)) {
    return fail(ErrorCode::kInvalidArgument,
                "the distribution's ID is empty, too long or not printable ASCII");
  }
  if (!distro.version.empty() && (!valid_inventory_field(distro.version) || distro.version == kNoVersion)) {
    return fail(ErrorCode::kInvalidArgument,
                "the distribution's VERSION_ID is too long or not printable ASCII without spaces");
  }
  return {};
}

/// The fields of one line, separated by single spaces. False if there are not exactly
/// `fields.size()` good ones.
template <std::size_t N>
bool read_fields(std::string_view line, std::array<std::string_view, N>& fields) {
  for (std::size_t i = 0; i < N; ++i) {
    const auto space = line.find(' ');
    if ((space == std::string_view::npos) != (i + 1 == N)) return false;
    fields[i] = line.substr(0, space);
    if (!valid_inventory_field(fields[i])) return false;
    line.remove_prefix(std::min(fields[i].size() + 1, line.size()));
  }
  return true;
}

Status check_sources(const std::vector<Package>& packages) {
  std::vector<std::pair<std::string_view, std::string_view>> pairs;
  pairs.reserve(packages.size());
  for (const auto& p : packages) pairs.emplace_back(p.source, p.source_version);
  sort_unique(pairs);
  std::size_t versions = 0;
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    versions = i > 0 && pairs[i].first == pairs[i - 1].first ? versions + 1 : 1;
    if (versions > kMaxVersionsOfSource) {
      return fail(ErrorCode::kResourceExhausted,
                  fmt::format("the inventory has more than {} versions of source {}",
                              kMaxVersionsOfSource, pairs[i].first));
    }
  }
  return {};
}

tl::unexpected<Error> bad_line(std::size_t number, std::string_view why) {
  return fail(ErrorCode::kInvalidArgument, fmt::format("inventory, line {}: {}", number, why));
}

bool same_package(const Package& a, const Package& b) {
  return a.name == b.name && a.arch == b.arch && a.version == b.version;
}

}  // namespace

bool valid_inventory_field(std::string_view text) {
  return !text.empty() && text.size() <= kMaxInventoryField &&
         std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 0x7f; });
}

Result<Inventory> checked_inventory(Inventory inventory, std::string_view database) {
  auto& packages = inventory.packages;
  if (packages.empty()) {
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("{} lists no installed package: it is empty or damaged", database));
  }
  std::sort(packages.begin(), packages.end());
  const auto twice = std::adjacent_find(packages.begin(), packages.end(), same_package);
  if (twice != packages.end()) {
    return fail(ErrorCode::kInvalidArgument, fmt::format("{}: package {} {} of architecture {} is listed twice", database,
                                                         twice->name, twice->version, twice->arch));
  }
  return inventory;
}

Result<Distro> parse_os_release(std::string_view text) {
  constexpr std::size_t kMaxText = 64u << 10;
  if (text.size() > kMaxText)
    return fail(ErrorCode::kInvalidArgument, "os-release is larger than 64 KiB");
  Distro distro;
  for (auto line : split(text, '\n')) {
    line = trim(line);
    const auto equals = line.find('=');
    if (equals == std::string_view::npos) continue;
    auto value = line.substr(equals + 1);
    if (value.size() >= 2 && (value.front() == '"' || value.front() == '\'') &&
        value.back() == value.front()) {
      value = value.substr(1, value.size() - 2);
    }
    if (line.substr(0, equals) == "ID") distro.id = value;
    if (line.substr(0, equals) == "VERSION_ID") distro.version = value;
  }
  if (distro.id.empty()) return fail(ErrorCode::kInvalidArgument, "os-release has no ID line");
  if (auto s = check_distro(distro); !s) return fail(s.error().context("os-release"));
  return distro;
}

Result<std::string> inventory_text(Inventory inventory) {
  if (auto s = check_distro(inventory.distro); !s) return fail(s.error());
  auto& packages = inventory.packages;
  if (packages.empty())
    return fail(ErrorCode::kInvalidArgument, "an inventory without any package is none");
  if (packages.size() > kMaxInventoryPackages) {
    return fail(ErrorCode::kResourceExhausted,
                fmt::format("{} packages; an inventory holds at most {}", packages.size(),
                            kMaxInventoryPackages));
  }
  std::sort(packages.begin(), packages.end());
  const auto& distro = inventory.distro;
  auto text = fmt::format("{}\n{} {} {}\n", kFirstLine, kDistroWord, distro.id,
                          distro.version.empty() ? kNoVersion : std::string_view(distro.version));
  const Package* before = nullptr;
  for (const auto& p : packages) {
    for (const auto* field : {&p.name, &p.arch, &p.version, &p.source, &p.source_version}) {
      if (!valid_inventory_field(*field)) {
        return fail(
            ErrorCode::kInvalidArgument,
            fmt::format(
                "package \"{}\": a field is empty, longer than {} bytes or not printable ASCII",
                valid_inventory_field(p.name) ? p.name : "?", kMaxInventoryField));
      }
    }
    if (before != nullptr && same_package(*before, p)) {
      return fail(ErrorCode::kInvalidArgument,
                  fmt::format("package {} of architecture {} is listed twice", p.name, p.arch));
    }
    before = &p;
    for (const auto* field : {&p.name, &p.arch, &p.version, &p.source}) {
      text += *field;
      text += ' ';
    }
    text += p.source_version;
    text += '\n';
  }
  if (auto s = check_sources(packages); !s) return fail(s.error());
  if (text.size() > kMaxInventoryBytes) {
    return fail(ErrorCode::kResourceExhausted,
                fmt::format("the inventory has {} bytes; at most {} are allowed", text.size(),
                            kMaxInventoryBytes));
  }
  return text;
}

Result<Inventory> parse_inventory(std::string_view text) {
  if (text.size() > kMaxInventoryBytes) {
    return fail(ErrorCode::kResourceExhausted,
                fmt::format("the inventory has {} bytes; at most {} are allowed", text.size(),
                            kMaxInventoryBytes));
  }
  Inventory inventory;
  std::string_view before;
  std::size_t number = 0;
  while (!text.empty()) {
    ++number;
    const auto end = text.find('\n');
    if (end == std::string_view::npos)
      return bad_line(number, "the last line has no end: truncated");
    const auto line = text.substr(0, end);
    text.remove_prefix(end + 1);
    if (number == 1) {
      if (line != kFirstLine) return bad_line(number, "it must be \"postern-inventory 1\"");
      continue;
    }
    if (number == 2) {
      std::array<std::string_view, 3> f;
      if (!read_fields(line, f) || f[0] != kDistroWord)
        return bad_line(number, "it must be \"distro ID VERSION\"");
      inventory.distro = {std::string(f[1]),
                          f[2] == kNoVersion ? std::string() : std::string(f[2])};
      continue;
    }
    if (inventory.packages.size() == kMaxInventoryPackages) {
      return fail(ErrorCode::kResourceExhausted,
                  fmt::format("the inventory has more than {} packages", kMaxInventoryPackages));
    }
    std::array<std::string_view, 5> f;
    if (!read_fields(line, f)) {
      return bad_line(
          number,
          "it must be five fields of printable ASCII: name, arch, version, source, source version");
    }
    // Separators sort before every byte of a field, so lines in order are packages in order.
    if (line <= before) return bad_line(number, "lines must ascend and none may come twice");
    before = line;
    if (!inventory.packages.empty()) {
      const auto& last = inventory.packages.back();
      if (last.name == f[0] && last.arch == f[1] && last.version == f[2])
        return bad_line(number, "the same package, architecture and version again");
    }
    inventory.packages.push_back({std::string(f[0]), std::string(f[1]), std::string(f[2]),
                                  std::string(f[3]), std::string(f[4])});
  }
  if (inventory.packages.empty()) {
    return fail(ErrorCode::kInvalidArgument, "the inventory lists no package");
  }
  if (auto s = check_sources(inventory.packages); !s) return fail(s.error());
  return inventory;
}

}  // namespace postern::vuln
