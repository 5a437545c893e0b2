// boot.secure: the firmware's variable SecureBoot. Shim may be told not to validate: then it did not count.
#include "agent/collectors/asked.h"
#include "agent/collectors/listing.h"
#include "posture/fact_keys.h"

namespace postern::agent {
namespace secure_boot_family {
namespace {

namespace keys = posture::keys;
using posture::UnknownReason;

constexpr const char* kFirmware = "/sys/firmware/efi";
constexpr const char* kVariables = "/sys/firmware/efi/efivars";
constexpr std::string_view kGlobal = "-8be4df61-93ca-11d2-aa0d-00e098032b8c";
constexpr std::string_view kShim = "-605dab50-e046-4300-abb6-3dd810dd8b23";

/// The first byte of a variable's value, behind four bytes of attributes.
Result<bool> variable(const Facts& facts, const std::string& name) {
  const auto bytes = facts.read(std::string(kVariables) + "/" + name, 64u << 10);
  if (!bytes) return fail(bytes.error());
  if (bytes->size() < 5) return fail(ErrorCode::kDataLoss, name + " is cut off");
  return (*bytes)[4] == 1;
}

void answer(const Question&, Facts& facts) {
  if (!facts.exists(kFirmware)) {
    return facts.unknown(keys::kSecureBoot, UnknownReason::kUnsupported,
                         facts.foreign() ? kForeignRoot : "this machine was not started by EFI");
  }
  const auto secure = variable(facts, std::string("SecureBoot").append(kGlobal));
  if (!secure) {
    // Firmware without Secure Boot has no such variable; where variables can't be seen at all, nothing is known.
    if (secure.error().code == ErrorCode::kNotFound && !names_in(facts, kVariables).empty())
      return facts.know(keys::kSecureBoot, false, kVariables);
    return facts.unknown(keys::kSecureBoot, reason_of(secure.error()), kVariables);
  }
  const auto ignored = variable(facts, std::string("MokSBStateRT").append(kShim));
  facts.know(keys::kSecureBoot, *secure && !(ignored && *ignored), kVariables);
}

}  // namespace
}  // namespace secure_boot_family

namespace asked {
const AskedFamily& secure_boot() {
  static const AskedFamily kFamily{
      .name = "secure boot", .keys = {posture::keys::kSecureBoot}, .answer = secure_boot_family::answer};
  return kFamily;
}
}  // namespace asked

}  // namespace postern::agent
