#include "posture/rules/registry.h"

#include <array>

namespace postern::posture {
namespace rules {
#define POSTERN_LISTED(type) const RuleType& type();
#include "listed/posture_rules.inc"
#undef POSTERN_LISTED
}  // namespace rules

std::span<const RuleType* const> rule_types() {
  static const std::array kTypes{
#define POSTERN_LISTED(type) &rules::type(),
#include "listed/posture_rules.inc"
#undef POSTERN_LISTED
  };
  return kTypes;
}

const RuleType* find_rule_type(std::string_view name) {
  for (const RuleType* type : rule_types()) {
    if (type->name == name) return type;
  }
  return nullptr;
}

}  // namespace postern::posture
