#include "posture/rules/registry.h"

#include <array>

namespace postern::posture {

std::span<const RuleType* const> rule_types() {
  static const std::array kTypes{
      &rules::vulnerable_devices(), &rules::ems_management(),  &rules::os_version(),
      &rules::ip_range(),           &rules::running_process(), &rules::file(),
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
