// security.modules: those that enforce. AppArmor does where it has profiles in enforce mode, SELinux where it is enforcing.
#include "agent/collectors/asked/security_modules.h"

#include <algorithm>

#include "agent/collectors/asked.h"
#include "base/text.h"
#include "posture/fact_keys.h"

namespace postern::agent {
namespace security_modules_family {
namespace {

namespace keys = posture::keys;
using posture::UnknownReason;

constexpr const char* kList = "/sys/kernel/security/lsm";
constexpr const char* kProfiles = "/sys/kernel/security/apparmor/profiles";
constexpr const char* kEnforce[] = {"/sys/fs/selinux/enforce", "/selinux/enforce"};
constexpr const char* kFileSystems = "/proc/filesystems";

void unknown(Facts& facts, const Error& error, const char* source) {
  facts.unknown(keys::kSecurityModules, reason_of(error), source);
}

/// "1": SELinux enforces.
Result<bool> selinux_enforces(const Facts& facts) {
  for (const auto* path : kEnforce) {
    const auto text = facts.read(path, 64);
    if (text) return trim(*text) == "1";
    if (text.error().code != ErrorCode::kNotFound) return fail(text.error());
  }
  return false;  // switched off, or only permissive without its file system
}

void answer(const Question&, Facts& facts) {
  const auto list = facts.read(kList, 4096);
  if (!list) {
    // Not mounted here (a namespace of mounts of its own): what there is can't be told, unless the kernel has none at all.
    const auto known = facts.read(kFileSystems, 64u << 10);
    if (known && known->find("\tsecurityfs\n") == known->npos) {
      return facts.know(keys::kSecurityModules, std::vector<std::string>(), kFileSystems);
    }
    const bool foreign = facts.foreign() && list.error().code == ErrorCode::kNotFound;
    if (foreign) return facts.unknown(keys::kSecurityModules, UnknownReason::kUnsupported, kForeignRoot);
    return unknown(facts, list.error(), kList);
  }
  std::vector<std::string> enforcing;
  for (const auto& module : parse_lsm(*list)) {
    if (module == "apparmor") {
      const auto profiles = facts.read(kProfiles, 4u << 20);
      if (!profiles) return unknown(facts, profiles.error(), kProfiles);
      if (any_profile_enforced(*profiles)) enforcing.push_back(module);
    } else if (module == "selinux") {
      const auto enforces = selinux_enforces(facts);
      if (!enforces) return unknown(facts, enforces.error(), kEnforce[0]);
      if (*enforces) enforcing.push_back(module);
    } else if (module == "smack" || module == "tomoyo") {
      enforcing.push_back(module);
    }
  }
  facts.know(keys::kSecurityModules, std::move(enforcing), kList);
}

Triggers triggers(const Question&, const Facts&) {
  return {.interval = Seconds(10), .why = "the kernel tells nobody that a module's mode changes"};
}

}  // namespace
}  // namespace security_modules_family

std::vector<std::string> parse_lsm(std::string_view text) {
  constexpr std::size_t kMaxModules = 64;
  std::vector<std::string> out;
  for (const auto part : split(trim(text), ',')) {
    if (!trim(part).empty() && out.size() < kMaxModules) out.emplace_back(trim(part));
  }
  return out;
}

bool any_profile_enforced(std::string_view profiles) {
  const auto lines = split(profiles, '\n');
  return std::ranges::any_of(lines, [](std::string_view line) { return trim(line).ends_with(" (enforce)"); });
}

namespace asked {
const AskedFamily& security_modules() {
  static const AskedFamily kFamily{.name = "security modules",
                                   .keys = {posture::keys::kSecurityModules},
                                   .answer = security_modules_family::answer,
                                   .triggers = security_modules_family::triggers};
  return kFamily;
}
}  // namespace asked

}  // namespace postern::agent
