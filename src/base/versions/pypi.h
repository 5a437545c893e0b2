#pragma once
// Python's version order: PEP 440, [N!]N(.N)*[{a|b|rc}N][.postN][.devN][+local] with all the spellings that it allows.
#include <compare>
#include <string_view>

namespace postern::versions {

/// The order of two versions: total over any two texts, without allocation, numbers of any length. What is no PEP 440
/// version comes before all that are (as Python's tools had it while they still took such), among themselves by runs of
/// letters and of digits, digits last. Thread: any.
std::weak_ordering compare_pypi(std::string_view a, std::string_view b);

}  // namespace postern::versions
