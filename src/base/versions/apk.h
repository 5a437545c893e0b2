#pragma once
// Alpine's version order: number{.number}[letter]{_suffix[number]}[~hash][-rN], as apk-tools sorts packages.
#include <compare>
#include <string_view>

namespace postern::versions {

/// The order of two versions: total over any two texts, without allocation, numbers of any length. Part after part:
///  - numbers; one behind the first that begins with 0 is compared as text, as digits behind a decimal point would be
///    ("1.06" < "1.1"); "1.0" < "1.0.0";
///  - the letter, none before all;
///  - suffixes: _alpha _beta _pre _rc, none, _cvs _svn _git _hg _p, each alone before it with a number;
///  - the hash as text, then the revision: none, -r0, -r1 ...
/// What fits none of these makes a version come before the same one without it. Thread: any.
std::weak_ordering compare_apk(std::string_view a, std::string_view b);

}  // namespace postern::versions
