#include "base/versions/order.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/versions/apk.h"
#include "base/versions/chars.h"
#include "base/versions/pypi.h"
#include "base/versions/rpm.h"
#include "base/versions/semver.h"

namespace postern::versions {
namespace {

constexpr std::array<std::pair<std::string_view, Order>, 5> kOrderNames = {{{"dpkg", Order::kDpkg},
                                                                            {"rpm", Order::kRpm},
                                                                            {"apk", Order::kApk},
                                                                            {"semver", Order::kSemver},
                                                                            {"pypi", Order::kPypi}}};

}  // namespace

std::string_view order_name(Order order) {
  for (const auto& [name, value] : kOrderNames)
    if (value == order) return name;
  return {};
}

std::optional<Order> parse_order(std::string_view name) {
  for (const auto& [known, value] : kOrderNames)
    if (known == name) return value;
  return std::nullopt;
}

std::weak_ordering compare(Order order, std::string_view a, std::string_view b) {
  switch (order) {
    case Order::kDpkg:
      return compare_debian(a, b);
    case Order::kRpm:
      return compare_rpm(a, b);
    case Order::kApk:
      return compare_apk(a, b);
    case Order::kSemver:
      return compare_semver(a, b);
    case Order::kPypi:
      return compare_pypi(a, b);
  }
  return a <=> b;
}

bool valid(Order order, std::string_view version) {
  if (order == Order::kDpkg) return valid_debian(version);
  return !version.empty() && version.size() <= kMaxVersionLength &&
         std::all_of(version.begin(), version.end(), [](char c) { return c > ' ' && c < 0x7f; }) &&
         std::any_of(version.begin(), version.end(), is_alnum);
}

}  // namespace postern::versions
