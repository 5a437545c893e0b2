#pragma once
// The authorities that a machine trusts, parsed once to hold many certificates against.
#include <memory>
#include <span>

#include "base/clock.h"
#include "base/hex.h"
#include "base/result.h"

struct x509_store_st;

namespace postern::pki {

class TrustStore {
 public:
  /// Authorities in DER form; what is no certificate is left out.
  explicit TrustStore(std::span<const Bytes> authorities);

  /// Does `leaf` chain to one of the authorities over `intermediates` at that time? For proving a client if its
  /// extended key usage names that, else a server if it names that, else for anything; keys and signatures have at
  /// least 112 bits of strength, as TLS demands. Revocation is not looked at. Errors: kUnauthenticated with OpenSSL's
  /// reason in words (it doesn't), kInvalidArgument (no certificate), kUnavailable (it could not be told). Thread: any.
  Status verify(ByteView leaf, std::span<const Bytes> intermediates, WallTime at) const;

 private:
  struct Free {
    void operator()(x509_store_st* store) const;
  };
  std::unique_ptr<x509_store_st, Free> store_;
};

}  // namespace postern::pki
