#include "vuln/ecosystem.h"

#include <algorithm>
#include <array>

namespace postern::vuln {
namespace {

using versions::Order;

constexpr std::size_t kMaxEcosystemName = 64;

struct Family {
  std::string_view prefix;
  Order order;
  bool binary_names;
};

// OSV's schema says what "name" is in each. AlmaLinux's is the source there, but its records list binaries too.
constexpr std::array<Family, 8> kFamilies = {{{"Debian:", Order::kDpkg, false},
                                              {"Ubuntu:", Order::kDpkg, false},
                                              {"Alpine:v", Order::kApk, false},
                                              {"Rocky Linux:", Order::kRpm, false},
                                              {"AlmaLinux:", Order::kRpm, true},
                                              {"Red Hat:enterprise_linux:", Order::kRpm, true},
                                              {"openSUSE:", Order::kRpm, false},
                                              {"Mageia:", Order::kRpm, false}}};
constexpr std::string_view kUbuntuPro = "Ubuntu:Pro:";
constexpr std::string_view kRedHat = "Red Hat:";

bool is_release_number(std::string_view text) {
  return !text.empty() && text.front() != '.' && text.back() != '.' &&
         text.find_first_not_of("0123456789.") == std::string_view::npos;
}

/// "9" of "9.4".
std::string_view major_of(std::string_view version) { return version.substr(0, version.find('.')); }

/// "3.19" of "3.19.1"; empty without a second number.
std::string_view branch_of(std::string_view version) {
  const auto dot = version.find('.');
  if (dot == std::string_view::npos) return {};
  return version.substr(0, version.find('.', dot + 1));
}

/// April's releases of even years have long-term support.
bool is_ubuntu_lts(std::string_view version) {
  return version.size() == 5 && version.substr(2) == ".04" && (version[1] - '0') % 2 == 0;
}

std::string under(std::string_view prefix, std::string_view release) { return std::string(prefix).append(release); }

}  // namespace

std::optional<Ecosystem> known_ecosystem(std::string_view osv_name) {
  if (osv_name.size() > kMaxEcosystemName || osv_name.starts_with(kUbuntuPro)) return std::nullopt;
  if (!std::all_of(osv_name.begin(), osv_name.end(), [](char c) { return c >= ' ' && c < 0x7f; })) return std::nullopt;
  for (const auto& family : kFamilies) {
    if (!osv_name.starts_with(family.prefix) || osv_name.size() == family.prefix.size()) continue;
    if (!family.prefix.starts_with(kRedHat)) return Ecosystem{std::string(osv_name), family.order, family.binary_names};
    const auto stream = osv_name.substr(family.prefix.size());
    const auto major = major_of(stream.substr(0, stream.find(':')));
    if (!is_release_number(major)) return std::nullopt;
    return Ecosystem{under(family.prefix, major), family.order, family.binary_names};
  }
  return std::nullopt;
}

std::string ecosystem_of(const Distro& distro) {
  const auto& [id, version] = distro;
  if (id == "opensuse-tumbleweed") return "openSUSE:Tumbleweed";
  if (!is_release_number(version)) return {};
  if (id == "debian") return under("Debian:", version);
  if (id == "ubuntu") return under("Ubuntu:", version) + (is_ubuntu_lts(version) ? ":LTS" : "");
  if (id == "alpine") return branch_of(version).empty() ? std::string() : under("Alpine:v", branch_of(version));
  if (id == "rocky") return under("Rocky Linux:", major_of(version));
  if (id == "almalinux") return under("AlmaLinux:", major_of(version));
  if (id == "rhel") return under("Red Hat:enterprise_linux:", major_of(version));
  if (id == "opensuse-leap") return under("openSUSE:Leap ", version);
  if (id == "mageia") return under("Mageia:", version);
  return {};
}

}  // namespace postern::vuln
