#include "pki/certificate.h"

#include <openssl/err.h>
#include <openssl/pem.h>

#include <array>
#include <ctime>

#include <fmt/format.h>

#include "base/ip.h"
#include "pki/openssl.h"

namespace postern::pki {
namespace {

X509Ptr parse(ByteView der) {
  const unsigned char* at = der.data();
  X509Ptr x(d2i_X509(nullptr, &at, static_cast<long>(der.size())));
  if (x && at != der.data() + der.size()) x.reset();  // trailing bytes would escape the fingerprint's meaning
  if (!x) ERR_clear_error();
  return x;
}

std::string name_entry(const X509_NAME* name, int nid) {
  const int index = X509_NAME_get_index_by_NID(name, nid, -1);
  if (index < 0) return {};
  unsigned char* utf8 = nullptr;
  const int size = ASN1_STRING_to_UTF8(&utf8, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, index)));
  if (size < 0) return {};
  std::string out(reinterpret_cast<char*>(utf8), static_cast<std::size_t>(size));
  OPENSSL_free(utf8);
  return out;
}

std::string name_text(const X509_NAME* name) {
  BioPtr bio(BIO_new(BIO_s_mem()));
  X509_NAME_print_ex(bio.get(), name, 0, XN_FLAG_RFC2253);
  char* data = nullptr;
  const auto size = BIO_get_mem_data(bio.get(), &data);
  return std::string(data, static_cast<std::size_t>(size));
}

std::string dotted(const ASN1_OBJECT* oid) {
  std::array<char, 128> text{};
  const int size = OBJ_obj2txt(text.data(), static_cast<int>(text.size()), oid, 1);
  return size <= 0 ? std::string() : std::string(text.data());  // a longer one is cut: it is none that anybody asks for
}

WallTime time_of(const ASN1_TIME* time) {
  std::tm tm{};
  if (ASN1_TIME_to_tm(time, &tm) != 1) return WallTime{};
  return from_unix_ms(static_cast<std::int64_t>(timegm(&tm)) * 1000);
}

Sha256 spki_digest(const X509* x) {
  unsigned char* der = nullptr;
  const int size = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(x), &der);
  if (size <= 0) return {};
  const auto digest = sha256(ByteView(der, static_cast<std::size_t>(size)));
  OPENSSL_free(der);
  return digest;
}

}  // namespace

Result<CertificateInfo> parse_certificate(ByteView der) {
  if (der.size() > kMaxCertificateBytes) {
    return fail(ErrorCode::kResourceExhausted, fmt::format("a certificate of {} bytes is too large", der.size()));
  }
  const auto x = parse(der);
  if (!x) return fail(ErrorCode::kInvalidArgument, "not an X.509 certificate");
  CertificateInfo info;
  info.der.assign(der.begin(), der.end());
  info.sha256 = sha256(der);
  info.public_key_sha256 = spki_digest(x.get());
  BIGNUM* serial = ASN1_INTEGER_to_BN(X509_get0_serialNumber(x.get()), nullptr);
  if (serial != nullptr) {
    char* hex = BN_bn2hex(serial);
    if (hex != nullptr) info.serial = CertSerial(hex);
    OPENSSL_free(hex);
    BN_free(serial);
  }
  const auto* subject = X509_get_subject_name(x.get());
  const auto* issuer = X509_get_issuer_name(x.get());
  info.subject = name_text(subject);
  info.subject_cn = name_entry(subject, NID_commonName);
  info.subject_o = name_entry(subject, NID_organizationName);
  info.issuer = name_text(issuer);
  info.issuer_cn = name_entry(issuer, NID_commonName);
  info.not_before = time_of(X509_get0_notBefore(x.get()));
  info.not_after = time_of(X509_get0_notAfter(x.get()));
  info.is_ca = X509_check_ca(x.get()) == 1;
  info.self_signed = X509_NAME_cmp(subject, issuer) == 0 && X509_verify(x.get(), X509_get0_pubkey(x.get())) == 1;
  ERR_clear_error();
  if (auto* names = static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(x.get(), NID_subject_alt_name, nullptr, nullptr))) {
    for (int i = 0; i < sk_GENERAL_NAME_num(names); ++i) {
      const auto* name = sk_GENERAL_NAME_value(names, i);
      if (name->type == GEN_DNS) {
        info.dns_names.emplace_back(reinterpret_cast<const char*>(ASN1_STRING_get0_data(name->d.dNSName)),
                                    static_cast<std::size_t>(ASN1_STRING_length(name->d.dNSName)));
      } else if (name->type == GEN_IPADD) {
        const auto* raw = ASN1_STRING_get0_data(name->d.iPAddress);
        const int size = ASN1_STRING_length(name->d.iPAddress);
        if (size == 4) info.ip_addresses.push_back(IpAddress::v4({raw[0], raw[1], raw[2], raw[3]}).str());
        if (size == 16) {
          std::array<std::uint8_t, 16> v6;
          std::copy(raw, raw + 16, v6.begin());
          info.ip_addresses.push_back(IpAddress::v6(v6).str());
        }
      }
    }
    GENERAL_NAMES_free(names);
  }
  if (auto* uses = static_cast<EXTENDED_KEY_USAGE*>(X509_get_ext_d2i(x.get(), NID_ext_key_usage, nullptr, nullptr))) {
    for (int i = 0; i < sk_ASN1_OBJECT_num(uses); ++i) {
      const auto* use = sk_ASN1_OBJECT_value(uses, i);
      const int nid = OBJ_obj2nid(use);
      info.client_auth |= nid == NID_client_auth;
      info.server_auth |= nid == NID_server_auth;
      info.usages.push_back(dotted(use));
    }
    EXTENDED_KEY_USAGE_free(uses);
  }
  ERR_clear_error();
  return info;
}

Result<std::vector<Bytes>> certificates_from_pem(std::string_view pem) {
  BioPtr bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  std::vector<Bytes> out;
  for (;;) {
    X509Ptr x(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
    if (!x) break;
    unsigned char* der = nullptr;
    const int size = i2d_X509(x.get(), &der);
    out.emplace_back(der, der + size);
    OPENSSL_free(der);
    if (out.size() > 1000) return fail(ErrorCode::kResourceExhausted, "more than 1000 certificates in one file");
  }
  // The loop ends regularly when no further block begins.
  const bool finished = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
  ERR_clear_error();
  if (out.empty() || !finished) return fail(ErrorCode::kInvalidArgument, "not a list of certificates in PEM form");
  return out;
}

std::string to_pem(ByteView der) {
  const auto x = parse(der);
  if (!x) return {};
  BioPtr bio(BIO_new(BIO_s_mem()));
  PEM_write_bio_X509(bio.get(), x.get());
  char* data = nullptr;
  const auto size = BIO_get_mem_data(bio.get(), &data);
  return std::string(data, static_cast<std::size_t>(size));
}

std::string fingerprint_text(const Sha256& digest) { return to_hex_colons(digest); }

Status check_strength(ByteView der) {
  const auto refuse = [](const std::string& what) {
    ERR_clear_error();
    return fail(ErrorCode::kUnsupported, what + "; use a key on P-256 or P-384, Ed25519, or RSA of at least 2048 bits, signed "
                                                "with SHA-256 or better");
  };
  const auto x = parse(der);
  EVP_PKEY* key = x ? X509_get0_pubkey(x.get()) : nullptr;
  if (key == nullptr) return refuse("its kind of key is not known here");
  constexpr int kEnough = 112;
  const int type = EVP_PKEY_get_base_id(key);
  const bool known = type == EVP_PKEY_RSA || type == EVP_PKEY_EC || type == EVP_PKEY_ED25519;
  if (!known || EVP_PKEY_get_security_bits(key) < kEnough) {
    const char* name = OBJ_nid2sn(type);
    return refuse(fmt::format("its key ({}, {} bits) is too weak or of no kind that is taken", name == nullptr ? "?" : name,
                              EVP_PKEY_get_bits(key)));
  }
  const auto self_signed = X509_get_extension_flags(x.get()) & EXFLAG_SS;
  int digest = NID_undef, strength = 0;
  if (!self_signed && (X509_get_signature_info(x.get(), &digest, nullptr, &strength, nullptr) != 1 || strength < kEnough)) {
    const char* name = OBJ_nid2sn(digest);
    return refuse(fmt::format("it is signed with a weak digest ({})", name == nullptr ? "?" : name));
  }
  ERR_clear_error();
  return {};
}

Status verify_chain(ByteView leaf_der, std::span<const Bytes> intermediates, std::span<const Bytes> roots,
                    Purpose purpose, WallTime at) {
  const auto refuse = [](std::string why) { return fail(ErrorCode::kUnauthenticated, std::move(why)); };
  const auto info = parse_certificate(leaf_der);
  if (!info) return fail(info.error());
  const bool wanted = purpose == Purpose::kClient ? info->client_auth : info->server_auth;
  const bool other = purpose == Purpose::kClient ? info->server_auth : info->client_auth;
  const auto leaf = parse(leaf_der);
  if (!wanted || other) {
    const bool own = (X509_get_extension_flags(leaf.get()) & EXFLAG_SS) != 0;
    return refuse(own ? "the certificate is self-signed, and was not made for this purpose"
                      : "the certificate was issued for another purpose");
  }
  StorePtr store(X509_STORE_new());
  for (const auto& root : roots) {
    if (const auto x = parse(root)) X509_STORE_add_cert(store.get(), x.get());
  }
  STACK_OF(X509)* chain = sk_X509_new_null();
  for (const auto& der : intermediates) {
    if (auto x = parse(der)) sk_X509_push(chain, x.release());
  }
  StoreContextPtr context(X509_STORE_CTX_new());
  X509_STORE_CTX_init(context.get(), store.get(), leaf.get(), chain);
  auto* parameters = X509_STORE_CTX_get0_param(context.get());
  X509_VERIFY_PARAM_set_time(parameters, static_cast<time_t>(to_unix_ms(at) / 1000));
  X509_VERIFY_PARAM_set_purpose(parameters,
                                purpose == Purpose::kClient ? X509_PURPOSE_SSL_CLIENT : X509_PURPOSE_SSL_SERVER);
  const int good = X509_verify_cert(context.get());
  const int error = X509_STORE_CTX_get_error(context.get());
  context.reset();
  sk_X509_pop_free(chain, X509_free);
  ERR_clear_error();
  if (good != 1) return refuse(X509_verify_cert_error_string(error));
  return {};
}

bool signed_by(ByteView certificate_der, ByteView issuer_der) {
  const auto certificate = parse(certificate_der);
  const auto issuer = parse(issuer_der);
  if (!certificate || !issuer) return false;
  const bool good = X509_check_issued(issuer.get(), certificate.get()) == X509_V_OK &&
                    X509_verify(certificate.get(), X509_get0_pubkey(issuer.get())) == 1;
  ERR_clear_error();
  return good;
}

Status check_key(ByteView certificate_der, const PrivateKey& key) {
  const auto certificate = parse(certificate_der);
  if (!certificate) return fail(ErrorCode::kInvalidArgument, "not an X.509 certificate");
  const bool good = X509_check_private_key(certificate.get(), key.native()) == 1;
  ERR_clear_error();
  if (!good) return fail(ErrorCode::kInvalidArgument, "the private key does not belong to the certificate");
  return {};
}

}  // namespace postern::pki
