// automatic-updates {}: security updates install by themselves.
#include "posture/fact_keys.h"
#include "posture/rules/conditions.h"

namespace postern::posture::rules {
namespace automatic_updates_rule {
namespace {

constexpr Reason kOn{"automatic_updates_on", "security updates install by themselves"};
constexpr Reason kOff{"automatic_updates_off", "security updates don't install by themselves"};

Result<std::unique_ptr<const Condition>> compile(const Parameters&, OsFamily) {
  return flag(std::string(keys::kUpdateAutomatic), kOn, kOff, "security updates install by themselves");
}

}  // namespace
}  // namespace automatic_updates_rule

const RuleType& automatic_updates() {
  static const RuleType kType{
      .name = "automatic-updates",
      .title = "Automatic Updates",
      .help = "Security updates install by themselves: it is configured, and something starts it. Whether that then finds any to "
              "install (its origins, its blacklist, its days) isn't asked: pending-security-updates tells.",
      .systems = {OsFamily::kLinux, OsFamily::kWindows, OsFamily::kMacos},
      .parameters = {},
      .facts = {keys::kUpdateAutomatic},
      .unknown = "On Linux always where there is neither apt nor dnf (zypper, apk).",
      .compile = automatic_updates_rule::compile};
  return kType;
}

}  // namespace postern::posture::rules
