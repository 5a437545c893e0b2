#pragma once
// Passwords at rest: Argon2id by libsodium. Both functions take tens of milliseconds and 64 MiB on purpose: run them on
// a worker thread.
#include <string>

#include "base/random.h"
#include "base/result.h"

namespace postern::ems {

/// "$argon2id$v=19$m=65536,t=2,p=1$…". Errors: kResourceExhausted (no memory). Thread: any.
Result<std::string> hash_password(const std::string& password);
/// Thread: any. False for a hash that is not well-formed.
bool verify_password(const std::string& hash, const std::string& password);

/// A hash of the same cost that no password has: verified when the user doesn't exist, so that the time an answer takes
/// does not tell who exists.
std::string decoy_password_hash(Random& random);

/// What a new password must be. Error: kInvalidArgument, naming `field` and saying what is missing.
Status acceptable_password(const std::string& password, const std::string& user,
                           const std::string& field = "new_password");
inline constexpr std::size_t kMinPassword = 12;
inline constexpr std::size_t kMaxPassword = 256;

}  // namespace postern::ems
