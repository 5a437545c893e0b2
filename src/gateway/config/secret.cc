#include "gateway/config/secret.h"

#include <array>

#include <openssl/evp.h>

#include "base/hex.h"
#include "base/sha256.h"

namespace postern::gateway::config {
namespace {

constexpr std::string_view kScrypt = "ENC scrypt$";
constexpr std::string_view kSha = "ENC sha256$";
constexpr std::uint64_t kCost = 16384, kBlock = 8, kLanes = 1;

Bytes scrypt(std::string_view password, ByteView salt) {
  Bytes out(32);
  // These parameters are within the library's limits: failure means no memory, and then no hash matches.
  if (EVP_PBE_scrypt(password.data(), password.size(), salt.data(), salt.size(), kCost, kBlock, kLanes,
                     64u << 20, out.data(), out.size()) != 1) {
    out.clear();
  }
  return out;
}

}  // namespace

std::string hash_password(std::string_view password, Random& random) {
  std::array<std::uint8_t, 16> salt;
  random.fill(salt);
  return std::string(kScrypt) + to_base64url(salt) + "$" + to_base64url(scrypt(password, salt));
}

std::string hash_key(std::string_view key) {
  return std::string(kSha) + to_base64url(sha256(key));
}

bool is_hashed_secret(std::string_view text) {
  if (text.starts_with(kSha)) {
    const auto hash = from_base64(text.substr(kSha.size()));
    return hash && hash->size() == 32;
  }
  if (!text.starts_with(kScrypt)) return false;
  text.remove_prefix(kScrypt.size());
  const auto dollar = text.find('$');
  if (dollar == text.npos) return false;
  const auto salt = from_base64(text.substr(0, dollar));
  const auto hash = from_base64(text.substr(dollar + 1));
  return salt && hash && salt->size() == 16 && hash->size() == 32;
}

bool verify_secret(std::string_view hash, std::string_view given) {
  if (!is_hashed_secret(hash)) return false;
  if (hash.starts_with(kSha)) {
    const auto wanted = from_base64(hash.substr(kSha.size()));
    return equal_constant_time(*wanted, sha256(given));
  }
  hash.remove_prefix(kScrypt.size());
  const auto dollar = hash.find('$');
  const auto salt = from_base64(hash.substr(0, dollar));
  const auto wanted = from_base64(hash.substr(dollar + 1));
  const auto computed = scrypt(given, *salt);
  return !computed.empty() && equal_constant_time(*wanted, computed);
}

}  // namespace postern::gateway::config
