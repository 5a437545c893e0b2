#pragma once
// The orders of package versions, chosen by name: each packaging system has its own.
#include <compare>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/versions/debian.h"

namespace postern::versions {

enum class Order : std::uint8_t {
  kDpkg,    ///< Debian, Ubuntu: debian.h.
  kRpm,     ///< Red Hat, SUSE and their kin: rpm.h.
  kApk,     ///< Alpine: apk.h.
  kSemver,  ///< Semantic Versioning 2.0: semver.h.
  kPypi,    ///< Python packages: pypi.h.
};

/// "dpkg", "rpm", "apk", "semver", "pypi": what configurations and APIs call them.
std::string_view order_name(Order order);
std::optional<Order> parse_order(std::string_view name);

/// Total over any two texts, without allocation, in time linear in their lengths. Equivalent and not equal: one version
/// has several spellings. Thread: any.
std::weak_ordering compare(Order order, std::string_view a, std::string_view b);

/// Whether a text is a version at all: for kDpkg as valid_debian says; else 1..kMaxVersionLength printable ASCII bytes
/// without spaces, a letter or digit among them (their package managers install what their own grammars forbid).
bool valid(Order order, std::string_view version);

}  // namespace postern::versions
