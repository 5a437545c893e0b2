// reboot-needed {}: updates wait for a restart.
#include "posture/fact_keys.h"
#include "posture/rules/conditions.h"

namespace postern::posture::rules {
namespace reboot_needed_rule {
namespace {

constexpr Reason kNeeded{"reboot_needed", "updates that are installed take effect only after a restart"};
constexpr Reason kNotNeeded{"reboot_not_needed", "nothing waits for a restart"};

Result<std::unique_ptr<const Condition>> compile(const Parameters&, OsFamily) {
  return flag(std::string(keys::kRebootNeeded), kNeeded, kNotNeeded, "a restart is needed");
}

}  // namespace
}  // namespace reboot_needed_rule

const RuleType& reboot_needed() {
  static const RuleType kType{.name = "reboot-needed",
                              .title = "Reboot Needed",
                              .help = "Updates that are installed take effect only after a restart.",
                              .systems = {OsFamily::kLinux, OsFamily::kWindows, OsFamily::kMacos},
                              .parameters = {},
                              .facts = {keys::kRebootNeeded},
                              .compile = reboot_needed_rule::compile};
  return kType;
}

}  // namespace postern::posture::rules
