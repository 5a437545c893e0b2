#include "vuln/inventory.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/text.h"

namespace postern::vuln {
namespace {

constexpr std::string_view kHead = "postern-inventory 1\n";

bool valid_field(std::string_view text) {
  return !text.empty() && text.size() <= kMaxInventoryField &&
         std::all_of(text.begin(), text.end(), [](char c) { return c > 0x20 && c < 0x7f; });
}

std::string line_of(const Package& p) {
  return fmt::format("{} {} {} {} {}\n", p.name, p.arch, p.version, p.source, p.source_version);
}

tl::unexpected<Error> bad(std::size_t line, std::string_view why) {
  return fail(ErrorCode::kInvalidArgument, fmt::format("inventory, line {}: {}", line, why));
}

}  // namespace

std::string ecosystem_of(const Distro& distro) {
  return distro.id == "debian" && !distro.version.empty() ? "Debian:" + distro.version : std::string();
}

Result<Distro> parse_os_release(std::string_view text) {
  Distro out;
  for (const auto raw : split(text, '\n')) {
    const auto line = trim(raw);
    const auto equals = line.find('=');
    if (equals == line.npos) continue;
    auto value = trim(line.substr(equals + 1));
    if (value.size() >= 2 && (value.front() == '"' || value.front() == '\'') && value.back() == value.front()) {
      value = value.substr(1, value.size() - 2);
    }
    if (line.substr(0, equals) == "ID") out.id = std::string(value);
    if (line.substr(0, equals) == "VERSION_ID") out.version = std::string(value);
  }
  if (!valid_field(out.id)) return fail(ErrorCode::kInvalidArgument, "os-release has no usable ID");
  if (!out.version.empty() && !valid_field(out.version)) return fail(ErrorCode::kInvalidArgument, "os-release has a broken VERSION_ID");
  return out;
}

Result<std::string> inventory_text(Inventory inventory) {
  if (inventory.packages.size() > kMaxInventoryPackages) return fail(ErrorCode::kResourceExhausted, "too many packages");
  if (!valid_field(inventory.distro.id)) return fail(ErrorCode::kInvalidArgument, "the distribution has no usable id");
  std::vector<std::string> lines;
  lines.reserve(inventory.packages.size());
  for (const auto& p : inventory.packages) {
    for (const auto* field : {&p.name, &p.arch, &p.version, &p.source, &p.source_version}) {
      if (!valid_field(*field)) return fail(ErrorCode::kInvalidArgument, "package " + p.name + ": a field that cannot be carried");
    }
    lines.push_back(line_of(p));
  }
  std::sort(lines.begin(), lines.end());
  std::string out(kHead);
  out += fmt::format("distro {} {}\n", inventory.distro.id, inventory.distro.version.empty() ? "-" : inventory.distro.version);
  std::string_view last;
  for (const auto& line : lines) {
    const auto second = line.find(' ', line.find(' ') + 1);
    const auto key = std::string_view(line).substr(0, second);
    if (key == last) return fail(ErrorCode::kInvalidArgument, fmt::format("package {} comes twice", key));
    last = key;
    out += line;
  }
  if (out.size() > kMaxInventoryBytes) return fail(ErrorCode::kResourceExhausted, "the inventory is too large");
  return out;
}

Result<Inventory> parse_inventory(std::string_view text) {
  if (text.size() > kMaxInventoryBytes) return fail(ErrorCode::kResourceExhausted, "the inventory is too large");
  if (text.substr(0, kHead.size()) != kHead) return bad(1, "not an inventory");
  if (text.back() != '\n') return bad(1, "the last line has no end");
  Inventory out;
  std::size_t number = 1;
  std::string_view last_line, last_key;
  for (const auto line : split(text.substr(kHead.size(), text.size() - kHead.size() - 1), '\n')) {
    const auto fields = split(line, ' ');
    ++number;
    for (const auto field : fields) {
      if (!valid_field(field)) return bad(number, "a broken field");
    }
    if (number == 2) {
      if (fields.size() != 3 || fields[0] != "distro") return bad(number, "the distribution is missing");
      out.distro = {std::string(fields[1]), fields[2] == "-" ? std::string() : std::string(fields[2])};
      continue;
    }
    if (fields.size() != 5) return bad(number, "five fields are needed");
    if (line <= last_line) return bad(number, "out of order");
    const auto key = line.substr(0, fields[0].size() + 1 + fields[1].size());
    if (key == last_key) return bad(number, "a package that came before");
    last_line = line;
    last_key = key;
    if (out.packages.size() >= kMaxInventoryPackages) return fail(ErrorCode::kResourceExhausted, "too many packages");
    out.packages.push_back({std::string(fields[0]), std::string(fields[1]), std::string(fields[2]), std::string(fields[3]),
                            std::string(fields[4])});
  }
  if (number < 2) return bad(2, "the distribution is missing");
  return out;
}

}  // namespace postern::vuln
