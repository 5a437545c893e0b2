#pragma once
// Debian version order: [epoch:]upstream[-revision], as Debian Policy 5.6.12 defines it.
#include <compare>
#include <string_view>

namespace postern::versions {

/// Longest version that is accepted , in bytes.
inline constexpr std::size_t kMaxVersionLength = 256;

/// 1..kMaxVersionLength of A-Z a-z 0-9 . + ~ - and, after a numeric epoch, : ; upstream not empty,
/// a revision not empty and without a hyphen. An upstream that starts with a letter passes: dpkg
/// installs such packages too.
bool valid_debian(std::string_view version);

/// The order of two versions: total over any two texts (an epoch that is no number counts as part
/// of the upstream version), without allocation, numbers of any length. Equivalent and not equal,
/// because "1.0" and "0:1.0-0" are one version in two spellings. Thread: any.
std::weak_ordering compare_debian(std::string_view a, std::string_view b);

}  // namespace postern::versions
