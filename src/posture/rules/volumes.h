#pragma once
// Encryption of storage, as disk-encryption, windows-security and macos-security ask for it.
#include <memory>
#include <string>

#include "posture/fact_keys.h"
#include "posture/rules/conditions.h"

namespace postern::posture::rules {

inline constexpr Reason kEncrypted{"disk_encrypted", "what must be encrypted is"};
inline constexpr Reason kNotEncrypted{"disk_not_encrypted", "a volume that must be encrypted is not"};

/// On Linux /Home is another place than /home.
inline std::unique_ptr<const Condition> volume_encrypted(const std::string& volume, OsFamily os) {
  return holds_one_of(std::string(keys::kEncryptedVolumes), {volume}, kEncrypted, kNotEncrypted, volume + " is encrypted",
                      os == OsFamily::kLinux ? Letters::kAsWritten : Letters::kAnyCase);
}

inline std::unique_ptr<const Condition> system_encrypted(OsFamily os) {
  return holds_one_of(std::string(keys::kEncryptedVolumes), {os == OsFamily::kWindows ? "C:" : "/"}, kEncrypted,
                      kNotEncrypted, "the system's volume is encrypted");
}

/// Some volume is, and none isn't but those that must be readable to start a system: they hold nothing of its users'.
inline std::unique_ptr<const Condition> all_encrypted() {
  static constexpr Reason kNone{"no_encrypted_disk", "no volume is encrypted"};
  Conditions parts;
  parts.push_back(holds_only(std::string(keys::kUnencryptedVolumes), {"/boot", "/boot/efi", "/efi"}, true,
                             {kEncrypted, kNotEncrypted, kEncrypted}, "no volume is unencrypted", Letters::kAsWritten));
  parts.push_back(holds_one_of(std::string(keys::kEncryptedVolumes), {}, kEncrypted, kNone, "a volume is encrypted"));
  return joined(Match::kAll, std::move(parts), "every volume is encrypted");
}

}  // namespace postern::posture::rules
