// Facts of Windows and macOS, and of products that no Linux has: asked of a Linux endpoint they are unsupported, which is
// not "no".
#include <array>
#include <utility>

#include "agent/collectors/asked.h"
#include "posture/fact_keys.h"

namespace postern::agent {
namespace other_systems_family {
namespace {

namespace keys = posture::keys;

constexpr std::string_view kWindows = "only Windows has it";
constexpr std::string_view kMacos = "only macOS has it";
constexpr std::string_view kProduct = "no such product on Linux is known";
constexpr std::pair<std::string_view, std::string_view> kAll[] = {
    {keys::kDefender, kWindows},         {keys::kExploitGuard, kWindows},    {keys::kApplicationGuard, kWindows},
    {keys::kRegistryExists, kWindows},   {keys::kRegistryValue, kWindows},   {keys::kGatekeeper, kMacos},
    {keys::kSystemIntegrity, kMacos},    {keys::kFirewallThreats, kProduct}, {keys::kMalwareAt, kProduct},
    {keys::kProcessSigners, "programs of Linux carry no signature"}};

void answer(const Question& question, Facts& facts) {
  for (const auto& key : question.keys()) {
    for (const auto& [its, why] : kAll) {
      if (key.starts_with(its)) facts.unknown(key, posture::UnknownReason::kUnsupported, std::string(why));
    }
  }
}

}  // namespace
}  // namespace other_systems_family

namespace asked {
const AskedFamily& other_systems() {
  static const AskedFamily kFamily = [] {
    AskedFamily out{.name = "other systems", .keys = {}, .answer = other_systems_family::answer};
    for (const auto& [key, why] : other_systems_family::kAll) out.keys.push_back(key);
    return out;
  }();
  return kFamily;
}
}  // namespace asked

}  // namespace postern::agent
