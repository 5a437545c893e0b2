#pragma once
// The rule types there are. A new one is a file in this folder, a declaration here and a line in
// registry.cc.
#include <span>
#include <string_view>

#include "posture/rule.h"

namespace postern::posture {

std::span<const RuleType* const> rule_types();
const RuleType* find_rule_type(std::string_view name);  ///< Null: no such type.

namespace rules {
const RuleType& vulnerable_devices();
const RuleType& ems_management();
const RuleType& os_version();
const RuleType& ip_range();
const RuleType& running_process();
const RuleType& file();
}  // namespace rules

}  // namespace postern::posture
