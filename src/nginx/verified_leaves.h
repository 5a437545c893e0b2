#pragma once
// Which client certificates were found to chain to a server's CAs, so that the same certificate need not be verified
// again at each handshake: docs/adr/0020-a-chain-is-verified-once.md.
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <ctime>
#include <limits>
#include <memory>
#include <new>
#include <optional>

#include "base/sha256.h"

namespace postern::nginx {

/// Verdicts of one set of CAs, within one process. A certificate is known by the SHA-256 of its DER. Only that it verified
/// without any error is kept, and holds while each certificate of that chain is valid, within one epoch. It says nothing of
/// revocation, which each request is judged by anew, nor that the client has the key, which TLS proves in each handshake.
/// Bounded: a newer one takes an older one's place. Threads: one.
class VerifiedLeaves {
 public:
  static constexpr std::size_t kPlaces = 4096;

  /// `from` <= now < `until`: seconds since 1970 in which the whole chain is valid.
  void add(const Sha256& leaf, std::uint64_t epoch, std::int64_t from, std::int64_t until) {
    if (!places_) places_.reset(new (std::nothrow) Place[kPlaces]);
    if (places_) places_[place(leaf)] = {leaf, epoch, from, until};
  }
  bool has(const Sha256& leaf, std::uint64_t epoch, std::int64_t now) const {
    if (!places_) return false;
    const auto& p = places_[place(leaf)];
    return p.from <= now && now < p.until && p.epoch == epoch && p.leaf == leaf;
  }

  /// Stands in for X509_verify_cert in OpenSSL's SSL_CTX_set_cert_verify_callback: same results, except that of a known
  /// certificate no chain is built. `ctx` must always have the same store and parameters.
  int verify(X509_STORE_CTX* ctx, std::uint64_t epoch) {
    const auto leaf = digest(ctx);
    if (leaf && has(*leaf, epoch, std::time(nullptr))) {
      X509_STORE_CTX_set_error(ctx, X509_V_OK);
      return 1;
    }
    const int rc = X509_verify_cert(ctx);
    // A callback that goes on in spite of errors, such as nginx's, makes it 1 with an error left behind.
    if (leaf && rc == 1 && X509_STORE_CTX_get_error(ctx) == X509_V_OK) learn(ctx, *leaf, epoch);
    return rc;
  }

 private:
  struct Place {
    Sha256 leaf{};
    std::uint64_t epoch = 0;
    std::int64_t from = 0;
    std::int64_t until = 0;  // free
  };

  static std::size_t place(const Sha256& leaf) { return (leaf[0] | std::size_t{leaf[1]} << 8) % kPlaces; }

  /// nullopt: it must not be remembered. Revocation lists change while the process lives.
  static std::optional<Sha256> digest(X509_STORE_CTX* ctx) {
    const auto* leaf = X509_STORE_CTX_get0_cert(ctx);
    auto* how = X509_STORE_CTX_get0_param(ctx);
    if (leaf == nullptr || how == nullptr) return std::nullopt;
    if ((X509_VERIFY_PARAM_get_flags(how) & (X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL | X509_V_FLAG_USE_CHECK_TIME)) != 0)
      return std::nullopt;
    Sha256 out;
    unsigned size = 0;
    if (X509_digest(leaf, EVP_sha256(), out.data(), &size) != 1 || size != out.size()) return std::nullopt;
    return out;
  }

  static std::optional<std::int64_t> seconds(const ASN1_TIME* time) {
    std::tm tm{};
    if (time == nullptr || ASN1_TIME_to_tm(time, &tm) != 1) return std::nullopt;
    return std::int64_t{timegm(&tm)};
  }

  void learn(X509_STORE_CTX* ctx, const Sha256& leaf, std::uint64_t epoch) {
    const auto* chain = X509_STORE_CTX_get0_chain(ctx);
    if (sk_X509_num(chain) <= 0) return;
    auto from = std::numeric_limits<std::int64_t>::min(), until = std::numeric_limits<std::int64_t>::max();
    for (int i = 0; i < sk_X509_num(chain); ++i) {
      const auto* x = sk_X509_value(chain, i);
      const auto begins = seconds(X509_get0_notBefore(x)), ends = seconds(X509_get0_notAfter(x));
      if (!begins || !ends) return;
      from = std::max(from, *begins);
      until = std::min(until, *ends);
    }
    add(leaf, epoch, from, until);
  }

  std::unique_ptr<Place[]> places_;
};

}  // namespace postern::nginx
