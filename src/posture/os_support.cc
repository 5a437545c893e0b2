#include "posture/os_support.h"

#include <algorithm>
#include <array>
#include <chrono>

namespace postern::posture {
namespace {

struct Row {
  std::string_view system, version;
  unsigned last_day;       // 20280630
  unsigned long_term_day;  // 0: no such team
};

constexpr auto kSupportRows = std::to_array<Row>({
    // Debian and Ubuntu: distro-info-data 0.58 (Debian: security team, then the LTS team).
    {"debian", "8", 20180617, 20200630},
    {"debian", "9", 20200718, 20220630},
    {"debian", "10", 20220910, 20240630},
    {"debian", "11", 20240814, 20260831},
    {"debian", "12", 20260711, 20280630},
    {"debian", "13", 20280809, 20300630},
    {"ubuntu", "14.04", 20190425, 0},
    {"ubuntu", "14.10", 20150723, 0},
    {"ubuntu", "15.04", 20160204, 0},
    {"ubuntu", "15.10", 20160728, 0},
    {"ubuntu", "16.04", 20210430, 0},
    {"ubuntu", "16.10", 20170720, 0},
    {"ubuntu", "17.04", 20180113, 0},
    {"ubuntu", "17.10", 20180719, 0},
    {"ubuntu", "18.04", 20230531, 0},
    {"ubuntu", "18.10", 20190718, 0},
    {"ubuntu", "19.04", 20200123, 0},
    {"ubuntu", "19.10", 20200717, 0},
    {"ubuntu", "20.04", 20250529, 0},
    {"ubuntu", "20.10", 20210722, 0},
    {"ubuntu", "21.04", 20220120, 0},
    {"ubuntu", "21.10", 20220714, 0},
    {"ubuntu", "22.04", 20270601, 0},
    {"ubuntu", "22.10", 20230720, 0},
    {"ubuntu", "23.04", 20240125, 0},
    {"ubuntu", "23.10", 20240711, 0},
    {"ubuntu", "24.04", 20290531, 0},
    {"ubuntu", "24.10", 20250710, 0},
    {"ubuntu", "25.04", 20260115, 0},
    {"ubuntu", "25.10", 20260709, 0},
    {"ubuntu", "26.04", 20310529, 0},
    // Alpine: https://alpinelinux.org/releases/
    {"alpine", "3.10", 20210501, 0},
    {"alpine", "3.11", 20211101, 0},
    {"alpine", "3.12", 20220501, 0},
    {"alpine", "3.13", 20221101, 0},
    {"alpine", "3.14", 20230501, 0},
    {"alpine", "3.15", 20231101, 0},
    {"alpine", "3.16", 20240523, 0},
    {"alpine", "3.17", 20241122, 0},
    {"alpine", "3.18", 20250509, 0},
    {"alpine", "3.19", 20251101, 0},
    {"alpine", "3.20", 20260401, 0},
    {"alpine", "3.21", 20261101, 0},
    {"alpine", "3.22", 20270501, 0},
    {"alpine", "3.23", 20271101, 0},
    // Rocky, Alma, Red Hat, CentOS (Stream 9 under its own ID): the makers' life cycle pages, by https://endoflife.date
    {"rocky", "8", 20290531, 0},
    {"rocky", "9", 20320531, 0},
    {"rocky", "10", 20350531, 0},
    {"almalinux", "8", 20290301, 0},
    {"almalinux", "9", 20320531, 0},
    {"almalinux", "10", 20350531, 0},
    {"rhel", "6", 20201130, 0},
    {"rhel", "7", 20240630, 0},
    {"rhel", "8", 20290531, 0},
    {"rhel", "9", 20320531, 0},
    {"rhel", "10", 20350531, 0},
    {"centos", "6", 20201130, 0},
    {"centos", "7", 20240630, 0},
    {"centos", "8", 20211231, 0},
    {"centos", "9", 20270531, 0},
    // Fedora, openSUSE Leap: https://endoflife.date. Fedora names its end in os-release too, which goes first.
    {"fedora", "33", 20211130, 0},
    {"fedora", "34", 20220607, 0},
    {"fedora", "35", 20221213, 0},
    {"fedora", "36", 20230516, 0},
    {"fedora", "37", 20231205, 0},
    {"fedora", "38", 20240521, 0},
    {"fedora", "39", 20241126, 0},
    {"fedora", "40", 20250513, 0},
    {"fedora", "41", 20251215, 0},
    {"fedora", "42", 20260513, 0},
    {"fedora", "43", 20261209, 0},
    {"opensuse-leap", "15.0", 20191203, 0},
    {"opensuse-leap", "15.1", 20210202, 0},
    {"opensuse-leap", "15.2", 20220104, 0},
    {"opensuse-leap", "15.3", 20221231, 0},
    {"opensuse-leap", "15.4", 20231207, 0},
    {"opensuse-leap", "15.5", 20241231, 0},
    {"opensuse-leap", "15.6", 20260430, 0},
    {"opensuse-leap", "16.0", 20271031, 0},
    // Windows: Home and Pro editions, by build; Server: long-term channel. https://learn.microsoft.com/lifecycle/, by
    // https://endoflife.date
    {"windows", "6.1", 20200114, 0},
    {"windows", "6.3", 20230110, 0},
    {"windows", "10.0.17134", 20191112, 0},
    {"windows", "10.0.17763", 20201110, 0},
    {"windows", "10.0.18362", 20201208, 0},
    {"windows", "10.0.18363", 20210511, 0},
    {"windows", "10.0.19041", 20211214, 0},
    {"windows", "10.0.19042", 20220510, 0},
    {"windows", "10.0.19043", 20221213, 0},
    {"windows", "10.0.19044", 20230613, 0},
    {"windows", "10.0.19045", 20251014, 0},
    {"windows", "10.0.22000", 20231010, 0},
    {"windows", "10.0.22621", 20241008, 0},
    {"windows", "10.0.22631", 20251111, 0},
    {"windows", "10.0.26100", 20261013, 0},
    {"windows", "10.0.26200", 20271012, 0},
    {"windows-server", "6.1", 20200114, 0},
    {"windows-server", "6.2", 20231010, 0},
    {"windows-server", "6.3", 20231010, 0},
    {"windows-server", "10.0.14393", 20270112, 0},
    {"windows-server", "10.0.17763", 20290109, 0},
    {"windows-server", "10.0.20348", 20311014, 0},
    {"windows-server", "10.0.25398", 20251024, 0},
    {"windows-server", "10.0.26100", 20341010, 0},
    // macOS: Apple names no dates. It has mended the newest three; the last three rows are when a fourth may be
    // expected.
    {"macos", "10.13", 20201201, 0},
    {"macos", "10.14", 20211025, 0},
    {"macos", "10.15", 20220912, 0},
    {"macos", "11", 20230926, 0},
    {"macos", "12", 20240916, 0},
    {"macos", "13", 20250915, 0},
    {"macos", "14", 20260914, 0},
    {"macos", "15", 20270913, 0},
    {"macos", "26", 20280911, 0},
});

WallTime after(unsigned day) {
  using namespace std::chrono;
  const year_month_day date{year(static_cast<int>(day / 10000)), month(day / 100 % 100), std::chrono::day(day % 100)};
  return WallTime(sys_days(date) + days(1));
}

/// "9.4" refines "9", and "9" itself; "90" doesn't.
bool refines(std::string_view version, std::string_view entry) {
  return version.starts_with(entry) && (version.size() == entry.size() || version[entry.size()] == '.');
}

}  // namespace

std::optional<OsSupport> os_support(std::string_view system, std::string_view version) {
  const Row* best = nullptr;
  for (const Row& row : kSupportRows) {
    if (row.system != system || !refines(version, row.version)) continue;
    if (best == nullptr || row.version.size() > best->version.size()) best = &row;
  }
  if (best == nullptr) return std::nullopt;
  return OsSupport{after(best->last_day), after(std::max(best->last_day, best->long_term_day))};
}

}  // namespace postern::posture
