// windows-security {"checks"}: what Windows itself has for protection is on.
#include "posture/rules/volumes.h"

namespace postern::posture::rules {
namespace windows_security_rule {
namespace {

constexpr Reason kOn{"windows_security_on", "what must be on is"};
constexpr Reason kDefenderOff{"defender_off", "Defender is off"};
constexpr Reason kExploitGuardOff{"exploit_guard_off", "Exploit Guard is off"};
constexpr Reason kApplicationGuardOff{"application_guard_off", "Application Guard is off"};
constexpr Reason kFirewallOff{"windows_firewall_off", "Windows' firewall is off"};
constexpr Reason kUpdatesOff{"automatic_updates_off", "updates don't install by themselves"};
constexpr Match kOtherwise = Match::kAll;

std::unique_ptr<const Condition> check(std::string_view name) {
  if (name == "defender") return flag(std::string(keys::kDefender), kOn, kDefenderOff, "Defender is on");
  if (name == "exploit-guard")
    return flag(std::string(keys::kExploitGuard), kOn, kExploitGuardOff, "Exploit Guard is on");
  if (name == "application-guard")
    return flag(std::string(keys::kApplicationGuard), kOn, kApplicationGuardOff, "Application Guard is on");
  if (name == "firewall")
    return flag(std::string(keys::kFeatureFirewall), kOn, kFirewallOff, "Windows' firewall is on");
  if (name == "automatic-updates")
    return flag(std::string(keys::kUpdateAutomatic), kOn, kUpdatesOff, "updates install by themselves");
  return name == "bitlocker-system" ? system_encrypted(OsFamily::kWindows) : all_encrypted();
}

Result<std::unique_ptr<const Condition>> compile(const Parameters& parameters, OsFamily) {
  Conditions parts;
  for (const std::string& name : list_of(parameters, "checks")) parts.push_back(check(name));
  return joined(match_of(parameters, kOtherwise), std::move(parts));
}

}  // namespace
}  // namespace windows_security_rule

const RuleType& windows_security() {
  static const RuleType kType{
      .name = "windows-security",
      .title = "Windows Security",
      .help =
          "Defender, BitLocker on all disks or the system's, Exploit Guard, Application Guard, the firewall, automatic "
          "updates: those that are asked are on.",
      .systems = {OsFamily::kWindows},
      .parameters = {{.name = "checks",
                      .type = ParameterSpec::Type::kTexts,
                      .required = true,
                      .choices = {"defender", "bitlocker-all", "bitlocker-system", "exploit-guard", "application-guard",
                                  "firewall", "automatic-updates"},
                      .help = "What must be on."},
                     match_parameter(windows_security_rule::kOtherwise)},
      .facts = {keys::kDefender, keys::kEncryptedVolumes, keys::kUnencryptedVolumes, keys::kExploitGuard,
                keys::kApplicationGuard, keys::kFeatureFirewall, keys::kUpdateAutomatic},
      .unknown = "By all: no match if one is known to be off; by any: a match if one is known to be on.",
      .compile = windows_security_rule::compile};
  return kType;
}

}  // namespace postern::posture::rules
