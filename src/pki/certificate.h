#pragma once
// X.509 certificates as plain values, and the checks that decide trust. No sockets, no clock: time is a parameter.
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/hex.h"
#include "base/ids.h"
#include "base/result.h"
#include "base/sha256.h"
#include "pki/key.h"

namespace postern::pki {

/// Larger certificates are refused before they are parsed.
inline constexpr std::size_t kMaxCertificateBytes = 64 << 10;

struct CertificateInfo {
  Bytes der;
  Sha256 sha256{};             ///< Of the DER: the fingerprint people compare.
  Sha256 public_key_sha256{};  ///< Of the SubjectPublicKeyInfo.
  CertSerial serial;
  std::string subject;         ///< RFC 2253 text.
  std::string subject_cn;
  std::string subject_o;
  std::string issuer;
  std::string issuer_cn;
  WallTime not_before{};
  WallTime not_after{};
  std::vector<std::string> dns_names;
  std::vector<std::string> ip_addresses;
  bool is_ca = false;
  bool self_signed = false;    ///< Issuer is subject and its own key signed it.
  bool client_auth = false;    ///< EKU names clientAuth.
  bool server_auth = false;    ///< EKU names serverAuth.
  std::vector<std::string> usages;  ///< All that EKU names, as dotted OIDs.
};

/// Errors: kInvalidArgument (not a certificate, or trailing bytes), kResourceExhausted (too large).
Result<CertificateInfo> parse_certificate(ByteView der);

/// All certificates of a PEM text in order. Errors: kInvalidArgument (none, or one of them is broken).
Result<std::vector<Bytes>> certificates_from_pem(std::string_view pem);
std::string to_pem(ByteView certificate_der);
/// "AB:CD:…" of the SHA-256, as people compare it.
std::string fingerprint_text(const Sha256& digest);

enum class Purpose { kClient, kServer };
/// Does `leaf` chain to one of `roots` over `intermediates` at that time, with exactly this purpose (EKU clientAuth or
/// serverAuth, never both)? Errors: kUnauthenticated with OpenSSL's reason in words.
Status verify_chain(ByteView leaf, std::span<const Bytes> intermediates, std::span<const Bytes> roots, Purpose purpose,
                    WallTime at);
/// Did the key inside `issuer_der` sign `certificate_der`?
bool signed_by(ByteView certificate_der, ByteView issuer_der);
/// Is its key, and unless it signed itself the digest of its signature, what TLS takes today (112 bits of strength)? Error:
/// kUnsupported, saying what it is and what is needed.
Status check_strength(ByteView certificate_der);
/// Is this key the certificate's? Errors: kInvalidArgument.
Status check_key(ByteView certificate_der, const PrivateKey& key);

}  // namespace postern::pki
