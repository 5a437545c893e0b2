#include "base/sha256.h"

#include <openssl/crypto.h>
#include <openssl/sha.h>

#include <algorithm>

namespace postern {

Sha256 sha256(ByteView bytes) {
  Sha256 out;
  SHA256(bytes.data(), bytes.size(), out.data());
  return out;
}

bool equal_constant_time(ByteView a, ByteView b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

Result<Sha256> parse_sha256(std::string_view bytes) {
  Sha256 out{};
  if (bytes.size() != out.size()) return invalid("a digest of the wrong length");
  std::copy(bytes.begin(), bytes.end(), out.begin());
  return out;
}

}  // namespace postern
