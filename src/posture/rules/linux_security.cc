// linux-security {"secure_boot","modules"}: Secure Boot, and the security modules that enforce.
#include <fmt/format.h>

#include "posture/fact_keys.h"
#include "posture/rules/conditions.h"

namespace postern::posture::rules {
namespace linux_security_rule {
namespace {

constexpr Reason kSecure{"secure_boot_on", "the system was started by Secure Boot"};
constexpr Reason kInsecure{"secure_boot_off", "the system was started without Secure Boot"};
constexpr Reason kEnforces{"security_module_enforces", "the security modules that must enforce do"};
constexpr Reason kDoesNot{"security_module_missing", "a security module that must enforce does not"};
constexpr Match kOtherwise = Match::kAny;

Result<std::unique_ptr<const Condition>> compile(const Parameters& parameters, OsFamily) {
  const auto& modules = list_of(parameters, "modules");
  const Match match = match_of(parameters, kOtherwise);
  Conditions parts;
  if (flag_of(parameters, "secure_boot", false))
    parts.push_back(flag(std::string(keys::kSecureBoot), kSecure, kInsecure, "the system was started by Secure Boot"));
  if (modules.empty() && parameters.contains("match"))
    return invalid("match: belongs to modules; give such as [\"apparmor\", \"selinux\"]");
  const auto enforces = [](std::vector<std::string> wanted, std::string who) {
    return holds_one_of(std::string(keys::kSecurityModules), std::move(wanted), kEnforces, kDoesNot, who + " enforces");
  };
  if (match == Match::kAny && !modules.empty()) {
    parts.push_back(enforces(modules, in_words(modules, match)));
  } else {
    for (const std::string& module : modules) parts.push_back(enforces({module}, module));
  }
  if (parts.empty()) return invalid("secure_boot: nothing is demanded; give secure_boot as true, or modules, or both");
  return joined(Match::kAll, std::move(parts));
}

}  // namespace
}  // namespace linux_security_rule

const RuleType& linux_security() {
  static const RuleType kType{.name = "linux-security",
                              .title = "Linux Security",
                              .help = "Secure Boot started the system, and security modules enforce: each as asked.",
                              .systems = {OsFamily::kLinux},
                              .parameters = {{.name = "secure_boot",
                                              .type = ParameterSpec::Type::kBoolean,
                                              .help = "Secure Boot must have started the system; false if not given."},
                                             {.name = "modules",
                                              .type = ParameterSpec::Type::kTexts,
                                              .choices = {"apparmor", "selinux", "smack", "tomoyo"},
                                              .help = "Security modules that must enforce."},
                                             match_parameter(linux_security_rule::kOtherwise)},
                              .facts = {keys::kSecureBoot, keys::kSecurityModules},
                              .unknown = "No match if one of them is known not to hold.",
                              .compile = linux_security_rule::compile};
  return kType;
}

}  // namespace postern::posture::rules
