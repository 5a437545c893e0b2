// macos-security {"checks"}: what macOS itself has for protection is on.
#include "posture/rules/volumes.h"

namespace postern::posture::rules {
namespace macos_security_rule {
namespace {

constexpr Reason kOn{"macos_security_on", "what must be on is"};
constexpr Reason kGatekeeperOff{"gatekeeper_off", "Gatekeeper is off"};
constexpr Reason kIntegrityOff{"system_integrity_off", "System Integrity Protection is off"};
constexpr Match kOtherwise = Match::kAll;

std::unique_ptr<const Condition> check(std::string_view name) {
  if (name == "gatekeeper") return flag(std::string(keys::kGatekeeper), kOn, kGatekeeperOff, "Gatekeeper is on");
  if (name == "sip")
    return flag(std::string(keys::kSystemIntegrity), kOn, kIntegrityOff, "System Integrity Protection is on");
  return holds_one_of(std::string(keys::kEncryptedVolumes), {"/"}, kEncrypted, kNotEncrypted, "FileVault is on");
}

Result<std::unique_ptr<const Condition>> compile(const Parameters& parameters, OsFamily) {
  Conditions parts;
  for (const std::string& name : list_of(parameters, "checks")) parts.push_back(check(name));
  return joined(match_of(parameters, kOtherwise), std::move(parts));
}

}  // namespace
}  // namespace macos_security_rule

const RuleType& macos_security() {
  static const RuleType kType{
      .name = "macos-security",
      .title = "macOS Security",
      .help = "FileVault, Gatekeeper, System Integrity Protection: those that are asked are on.",
      .systems = {OsFamily::kMacos},
      .parameters = {{.name = "checks",
                      .type = ParameterSpec::Type::kTexts,
                      .required = true,
                      .choices = {"filevault", "gatekeeper", "sip"},
                      .help = "What must be on."},
                     match_parameter(macos_security_rule::kOtherwise)},
      .facts = {keys::kEncryptedVolumes, keys::kGatekeeper, keys::kSystemIntegrity},
      .unknown = "By all: no match if one is known to be off; by any: a match if one is known to be on.",
      .compile = macos_security_rule::compile};
  return kType;
}

}  // namespace postern::posture::rules
