#include "vuln/dpkg_status.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/text.h"
#include "vuln/debian_version.h"

namespace postern::vuln {

Result<Inventory> parse_dpkg_status(std::string_view text, Distro distro) {
  if (text.size() > kMaxDpkgStatusBytes) return fail(ErrorCode::kResourceExhausted, "the package database is too large");
  Inventory out;
  out.distro = std::move(distro);
  std::string_view name, arch, version, source, status;
  std::size_t number = 0, begun = 1;
  Status problem;
  const auto finish = [&] {
    const auto words = split(status, ' ');
    const auto state = words.size() == 3 ? words[2] : std::string_view();
    const bool on_disk = state == "installed" || state == "triggers-awaited" || state == "triggers-pending" ||
                         state == "half-configured" || state == "unpacked";
    if (!name.empty() && on_disk) {
      if (!valid_debian_version(version) || arch.empty()) {
        problem = fail(ErrorCode::kInvalidArgument, fmt::format("package database, line {}: {} has no valid version or architecture", begun, name));
        return;
      }
      std::string from(source.empty() ? name : trim(source.substr(0, source.find('('))));
      std::string from_version(version);
      const auto open = source.find('('), close = source.find(')');
      if (open != source.npos && close != source.npos && close > open) from_version = trim(source.substr(open + 1, close - open - 1));
      out.packages.push_back({std::string(name), std::string(arch), std::string(version), std::move(from), std::move(from_version)});
    }
    name = arch = version = source = status = {};
    begun = number + 1;
  };
  for (const auto line : split(text, '\n')) {
    ++number;
    if (trim(line).empty()) {
      finish();
      if (!problem) return fail(problem.error());
      if (out.packages.size() > kMaxInventoryPackages) return fail(ErrorCode::kResourceExhausted, "too many packages");
      continue;
    }
    if (line[0] == ' ' || line[0] == '\t') continue;  // continues a field that is none of ours
    const auto colon = line.find(':');
    if (colon == line.npos) return fail(ErrorCode::kInvalidArgument, fmt::format("package database, line {}: no field", number));
    const auto field = line.substr(0, colon);
    const auto value = trim(line.substr(colon + 1));
    if (field == "Package") name = value;
    if (field == "Architecture") arch = value;
    if (field == "Version") version = value;
    if (field == "Source") source = value;
    if (field == "Status") status = value;
  }
  finish();
  if (!problem) return fail(problem.error());
  std::sort(out.packages.begin(), out.packages.end());
  return out;
}

}  // namespace postern::vuln
