#pragma once
// Private keys: ECDSA P-256 when made here, whatever OpenSSL reads when loaded.
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/sha256.h"

struct evp_pkey_st;

namespace postern::pki {

/// Cheap to copy (shared, immutable). Has no formatter: a key does not get into a log by accident. Thread: any.
class PrivateKey {
 public:
  /// From the operating system's randomness.
  static PrivateKey generate();
  /// PKCS#8 or SEC1 PEM, not encrypted. Errors: kInvalidArgument.
  static Result<PrivateKey> from_pem(std::string_view pem);

  std::string to_pem() const;  ///< PKCS#8. The caller keeps it secret.
  Sha256 public_key_sha256() const;  ///< Of the SubjectPublicKeyInfo: the identity of a key.
  evp_pkey_st* native() const { return key_.get(); }

 private:
  explicit PrivateKey(std::shared_ptr<evp_pkey_st> key) : key_(std::move(key)) {}
  std::shared_ptr<evp_pkey_st> key_;
};

}  // namespace postern::pki
