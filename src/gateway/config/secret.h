#pragma once
// Secrets are kept as hashes that only tell whether a given text is the same.
#include <string>
#include <string_view>

#include "base/random.h"
#include "base/result.h"

namespace postern::gateway::config {

/// "ENC scrypt$…", salted; takes some 50 ms and 16 MiB on purpose. For passwords.
std::string hash_password(std::string_view password, Random& random);
/// "ENC sha256$…": for keys that we drew ourselves (at least 128 random bits), where guessing is hopeless anyway.
std::string hash_key(std::string_view key);
bool is_hashed_secret(std::string_view text);
/// Compares in constant time. False for an empty or malformed hash. Blocking as hash_password.
bool verify_secret(std::string_view hash, std::string_view given);

}  // namespace postern::gateway::config
