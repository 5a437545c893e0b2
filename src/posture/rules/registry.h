#pragma once
// The rule types there are: every file of this folder that defines `const RuleType& rules::<file's name>()`. The build
// lists them (postern_listed in CMakeLists.txt), so a new type is a new file and nothing else.
#include <span>
#include <string_view>

#include "posture/rule.h"

namespace postern::posture {

std::span<const RuleType* const> rule_types();            ///< By file name.
const RuleType* find_rule_type(std::string_view name);  ///< Null: no such type.

}  // namespace postern::posture
