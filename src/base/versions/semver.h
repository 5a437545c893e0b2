#pragma once
// Semantic Versioning 2.0: major.minor.patch[-prerelease][+build].
#include <compare>
#include <string_view>

namespace postern::versions {

/// The order of two versions: total over any two texts, without allocation, numbers of any length. A "v" in front is
/// passed over, missing numbers are 0, build metadata and a fourth and later number never count. What follows the
/// numbers without a sign between ("1.2.3rc1") is read as a prerelease. Thread: any.
std::weak_ordering compare_semver(std::string_view a, std::string_view b);

}  // namespace postern::versions
