#include "ems/api/password.h"

#include <fmt/format.h>
#include <sodium.h>

#include <array>

#include "base/hex.h"
#include "base/text.h"

namespace postern::ems {
namespace {

constexpr unsigned long long kOperations = crypto_pwhash_argon2id_OPSLIMIT_INTERACTIVE;
constexpr std::size_t kMemory = crypto_pwhash_argon2id_MEMLIMIT_INTERACTIVE;

std::string unpadded_base64(ByteView bytes) {
  std::string text = to_base64(bytes);
  while (!text.empty() && text.back() == '=') text.pop_back();
  return text;
}

}  // namespace

Result<std::string> hash_password(const std::string& password) {
  std::array<char, crypto_pwhash_argon2id_STRBYTES> out{};
  if (sodium_init() < 0 || crypto_pwhash_argon2id_str(out.data(), password.data(), password.size(), kOperations,
                                                      kMemory) != 0) {
    return fail(ErrorCode::kResourceExhausted,
                "hashing the password needs 64 MiB of memory that the machine did not give");
  }
  return std::string(out.data());
}

bool verify_password(const std::string& hash, const std::string& password) {
  if (sodium_init() < 0 || hash.size() >= crypto_pwhash_argon2id_STRBYTES) return false;
  // The function reads a whole buffer of this size.
  std::array<char, crypto_pwhash_argon2id_STRBYTES> stored{};
  hash.copy(stored.data(), hash.size());
  return crypto_pwhash_argon2id_str_verify(stored.data(), password.data(), password.size()) == 0;
}

std::string decoy_password_hash(Random& random) {
  std::array<std::uint8_t, 16> salt{};
  std::array<std::uint8_t, 32> digest{};
  random.fill(salt);
  random.fill(digest);
  return fmt::format("$argon2id$v=19$m={},t={},p=1${}${}", kMemory / 1024, kOperations, unpadded_base64(salt),
                     unpadded_base64(digest));
}

Status acceptable_password(const std::string& password, const std::string& user, const std::string& field) {
  if (password.size() < kMinPassword || password.size() > kMaxPassword) {
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("{}: must be {} to {} bytes long", field, kMinPassword, kMaxPassword));
  }
  if (to_lower(password).find(to_lower(user)) != std::string::npos) {
    return fail(ErrorCode::kInvalidArgument, field + ": must not contain the user's name");
  }
  return {};
}

}  // namespace postern::ems
