#include "gateway/config/secret.h"

#include <sodium.h>

#include "base/hex.h"
#include "base/sha256.h"
#include "base/utf8.h"

namespace postern::gateway::config {
namespace {

constexpr std::string_view kArgon = "ENC argon2id$";
constexpr std::string_view kSha = "ENC sha256$";

Bytes argon2id(std::string_view password, ByteView salt) {
  Bytes out(32);
  // Fails for want of memory only, and then no hash matches.
  if (sodium_init() < 0 ||
      crypto_pwhash(out.data(), out.size(), password.data(), password.size(), salt.data(),
                    crypto_pwhash_argon2id_OPSLIMIT_INTERACTIVE, crypto_pwhash_argon2id_MEMLIMIT_INTERACTIVE,
                    crypto_pwhash_ALG_ARGON2ID13) != 0) {
    out.clear();
  }
  return out;
}

}  // namespace

Salt draw_salt(Random& random) {
  static_assert(std::tuple_size_v<Salt> == crypto_pwhash_argon2id_SALTBYTES);
  Salt salt;
  random.fill(salt);
  return salt;
}

std::string hash_password(std::string_view password, const Salt& salt) {
  const auto hash = argon2id(password, salt);
  if (hash.empty()) return {};
  return std::string(kArgon) + to_base64url(salt) + "$" + to_base64url(hash);
}

Error hashing_failed() {
  return {ErrorCode::kResourceExhausted,
          "hashing the password needs 64 MiB of memory that the machine did not give; nothing was changed"};
}

std::string decoy_password_hash(Random& random) {
  std::array<std::uint8_t, 32> digest;
  random.fill(digest);
  return std::string(kArgon) + to_base64url(draw_salt(random)) + "$" + to_base64url(digest);
}

std::string hash_key(std::string_view key) {
  return std::string(kSha) + to_base64url(sha256(key));
}

bool is_hashed_key(std::string_view text) {
  if (!text.starts_with(kSha)) return false;
  const auto hash = from_base64(text.substr(kSha.size()));
  return hash && hash->size() == 32;
}

bool is_clear_secret(std::string_view text) {
  return !text.empty() && text.size() <= 4 * kMaxSecret && count_characters(text) <= kMaxSecret && !text.starts_with("ENC ");
}

bool is_hashed_secret(std::string_view text) {
  if (!text.starts_with(kArgon)) return is_hashed_key(text);
  text.remove_prefix(kArgon.size());
  const auto dollar = text.find('$');
  if (dollar == text.npos) return false;
  const auto salt = from_base64(text.substr(0, dollar));
  const auto hash = from_base64(text.substr(dollar + 1));
  return salt && hash && salt->size() == std::tuple_size_v<Salt> && hash->size() == 32;
}

bool verify_secret(std::string_view hash, std::string_view given) {
  if (!is_hashed_secret(hash)) return false;
  if (hash.starts_with(kSha)) {
    const auto wanted = from_base64(hash.substr(kSha.size()));
    return equal_constant_time(*wanted, sha256(given));
  }
  hash.remove_prefix(kArgon.size());
  const auto dollar = hash.find('$');
  const auto salt = from_base64(hash.substr(0, dollar));
  const auto wanted = from_base64(hash.substr(dollar + 1));
  const auto computed = argon2id(given, *salt);
  return !computed.empty() && equal_constant_time(*wanted, computed);
}

}  // namespace postern::gateway::config
