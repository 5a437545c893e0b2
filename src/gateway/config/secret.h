#pragma once
// Secrets are kept as hashes that only tell whether a given text is the same.
#include <array>
#include <string>
#include <string_view>

#include "base/random.h"
#include "base/result.h"

namespace postern::gateway::config {

using Salt = std::array<std::uint8_t, 16>;
Salt draw_salt(Random& random);

/// "ENC argon2id$…", salted; takes some 60 ms and 64 MiB on purpose: on the loop's thread only where nothing waits.
/// For passwords. Empty when the machine has no memory for it. Thread: any.
std::string hash_password(std::string_view password, const Salt& salt);
inline std::string hash_password(std::string_view password, Random& random) {
  return hash_password(password, draw_salt(random));
}
/// What to tell when hash_password gave nothing.
Error hashing_failed();
/// A hash of the same cost that no password has: checked when an account doesn't exist, so that the time an answer
/// takes does not tell which do.
std::string decoy_password_hash(Random& random);
/// "ENC sha256$…": for keys that we drew ourselves (at least 128 random bits), where guessing is hopeless anyway.
std::string hash_key(std::string_view key);
bool is_hashed_secret(std::string_view text);
/// May be hashed and kept: 1 to kMaxSecret characters, and neither a hash already nor what another device shows instead.
bool is_clear_secret(std::string_view text);
inline constexpr std::size_t kMaxSecret = 128;
/// Of an administrator's password: what the EMS demands of its own.
inline constexpr std::size_t kMinPassword = 12;
bool is_hashed_key(std::string_view text);
/// Compares in constant time. False for an empty or malformed hash. Blocking as hash_password, for a password's hash.
/// Thread: any.
bool verify_secret(std::string_view hash, std::string_view given);

}  // namespace postern::gateway::config
