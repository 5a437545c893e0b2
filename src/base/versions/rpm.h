#pragma once
// rpm's version order: [epoch:]version[-release], as rpm compares versions to say which package is newer.
#include <compare>
#include <string_view>

namespace postern::versions {

/// The order of two versions: total over any two texts, without allocation, numbers of any length. What stands before
/// the first colon is an epoch only if it is a number; a missing one is 0. The release begins at the last hyphen, and
/// a version without one comes before the same version with any. Within both, '~' sorts before the end ("1.0~rc1" <
/// "1.0"), '^' behind it and before anything else ("1.0" < "1.0^git1" < "1.0.1"), letters before numbers; all other
/// signs only separate, so "2_0" and "2.0" are equivalent. Thread: any.
std::weak_ordering compare_rpm(std::string_view a, std::string_view b);

}  // namespace postern::versions
