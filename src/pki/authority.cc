#include "pki/authority.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include <array>
#include <cstdlib>

#include <fmt/format.h>

#include "base/ip.h"
#include "pki/openssl.h"

namespace postern::pki {
namespace {

/// For calls that fail only without memory: there is nothing sensible to go on with.
void must(bool good) {
  if (!good) std::abort();
}

RequestPtr parse_request(ByteView der) {
  const unsigned char* at = der.data();
  RequestPtr request(d2i_X509_REQ(nullptr, &at, static_cast<long>(der.size())));
  if (request && at != der.data() + der.size()) request.reset();
  ERR_clear_error();
  return request;
}

Result<RequestPtr> checked_request(ByteView der) {
  if (der.size() > kMaxRequestBytes) {
    return fail(ErrorCode::kResourceExhausted, fmt::format("a signing request of {} bytes is too large", der.size()));
  }
  auto request = parse_request(der);
  if (!request) return fail(ErrorCode::kInvalidArgument, "not a PKCS#10 signing request");
  EVP_PKEY* key = X509_REQ_get0_pubkey(request.get());
  if (key == nullptr || X509_REQ_verify(request.get(), key) != 1) {
    ERR_clear_error();
    return fail(ErrorCode::kInvalidArgument, "the signing request is not signed with its own key");
  }
  const int type = EVP_PKEY_get_base_id(key);
  const int bits = EVP_PKEY_get_bits(key);
  const bool good = (type == EVP_PKEY_EC && (bits == 256 || bits == 384)) || type == EVP_PKEY_ED25519 ||
                    (type == EVP_PKEY_RSA && bits >= 2048 && bits <= 8192);
  if (!good) return fail(ErrorCode::kUnsupported, "use a key on P-256 or P-384, Ed25519, or RSA of at least 2048 bits");
  return request;
}

struct Template {
  std::string common_name;
  std::string organisation;
  Validity validity;
  EVP_PKEY* subject_key;
  const Identity* issuer;  // nullptr: self-signed with `signer`
  EVP_PKEY* signer;
};

void add_name(X509_NAME* name, const char* field, const std::string& value) {
  if (value.empty()) return;
  // 64 characters is the field's own limit (RFC 5280, ub-common-name).
  must(X509_NAME_add_entry_by_txt(name, field, MBSTRING_UTF8, reinterpret_cast<const unsigned char*>(value.data()),
                                  static_cast<int>(std::min<std::size_t>(value.size(), 64)), -1, 0) == 1);
}

void set_time(ASN1_TIME* time, WallTime at) {
  must(ASN1_TIME_set(time, static_cast<time_t>(to_unix_ms(at) / 1000)) != nullptr);
}

void add_extension(X509* x, X509* issuer, int nid, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, x, nullptr, nullptr, 0);
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str());
  must(extension != nullptr && X509_add_ext(x, extension, -1) == 1);
  X509_EXTENSION_free(extension);
}

using Extensions = std::vector<std::pair<int, std::string>>;

Bytes make(const Template& t, const Extensions& extensions, Random& random) {
  X509Ptr x(X509_new());
  must(x != nullptr && X509_set_version(x.get(), X509_VERSION_3) == 1);
  // 20 octets is the longest serial there may be; the cleared top bit keeps it positive, the set one keeps its length.
  std::array<std::uint8_t, 20> serial;
  random.fill(serial);
  serial[0] = static_cast<std::uint8_t>((serial[0] & 0x3f) | 0x40);
  BIGNUM* number = BN_bin2bn(serial.data(), serial.size(), nullptr);
  must(number != nullptr && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(x.get())) != nullptr);
  BN_free(number);
  X509_NAME* subject = X509_get_subject_name(x.get());
  add_name(subject, "O", t.organisation);
  add_name(subject, "CN", t.common_name);
  set_time(X509_getm_notBefore(x.get()), t.validity.not_before);
  set_time(X509_getm_notAfter(x.get()), t.validity.not_after);
  must(X509_set_pubkey(x.get(), t.subject_key) == 1);
  X509Ptr issuer;
  if (t.issuer != nullptr) {
    const unsigned char* at = t.issuer->certificate.data();
    issuer.reset(d2i_X509(nullptr, &at, static_cast<long>(t.issuer->certificate.size())));
    must(issuer != nullptr);
  }
  X509* signing = issuer ? issuer.get() : x.get();
  must(X509_set_issuer_name(x.get(), X509_get_subject_name(signing)) == 1);
  add_extension(x.get(), signing, NID_subject_key_identifier, "hash");
  for (const auto& [nid, value] : extensions) add_extension(x.get(), signing, nid, value);
  if (issuer) add_extension(x.get(), signing, NID_authority_key_identifier, "keyid:always");
  must(X509_sign(x.get(), t.signer, EVP_PKEY_get_base_id(t.signer) == EVP_PKEY_ED25519 ? nullptr : EVP_sha256()) > 0);
  unsigned char* der = nullptr;
  const int size = i2d_X509(x.get(), &der);
  must(size > 0);
  Bytes out(der, der + size);
  OPENSSL_free(der);
  return out;
}

}  // namespace

Bytes make_request(const PrivateKey& key) {
  RequestPtr request(X509_REQ_new());
  must(request != nullptr && X509_REQ_set_pubkey(request.get(), key.native()) == 1 &&
       X509_REQ_sign(request.get(), key.native(), EVP_sha256()) > 0);
  unsigned char* der = nullptr;
  const int size = i2d_X509_REQ(request.get(), &der);
  must(size > 0);
  Bytes out(der, der + size);
  OPENSSL_free(der);
  return out;
}

Result<Sha256> request_public_key(ByteView request_der) {
  auto request = checked_request(request_der);
  if (!request) return fail(request.error());
  unsigned char* der = nullptr;
  const int size = i2d_PUBKEY(X509_REQ_get0_pubkey(request->get()), &der);
  must(size > 0);
  const auto digest = sha256(ByteView(der, static_cast<std::size_t>(size)));
  OPENSSL_free(der);
  return digest;
}

Identity make_root(const std::string& common_name, const std::string& organisation, Validity validity,
                   Random& random) {
  auto key = PrivateKey::generate();
  auto der = make({common_name, organisation, validity, key.native(), nullptr, key.native()},
                  {{NID_basic_constraints, "critical,CA:TRUE"}, {NID_key_usage, "critical,keyCertSign,cRLSign"}}, random);
  return {std::move(key), std::move(der)};
}

Identity make_intermediate(const Identity& issuer, const std::string& common_name, const std::string& organisation,
                           Validity validity, Random& random) {
  auto key = PrivateKey::generate();
  auto der = make({common_name, organisation, validity, key.native(), &issuer, issuer.key.native()},
                  {{NID_basic_constraints, "critical,CA:TRUE,pathlen:0"},
                   {NID_key_usage, "critical,keyCertSign,cRLSign"}},
                  random);
  return {std::move(key), std::move(der)};
}

Identity make_server(const Identity& issuer, const std::string& common_name, const std::vector<std::string>& names,
                     Validity validity, Random& random) {
  std::string alternatives;
  for (const auto& name : names) {
    // Names go into OpenSSL's own little language: anything that could end the value early is left out.
    if (name.empty() || name.find_first_of(",;:=\n\r ") != name.npos) {
      if (!IpAddress::parse(name)) continue;
    }
    if (!alternatives.empty()) alternatives += ',';
    alternatives += (IpAddress::parse(name) ? "IP:" : "DNS:") + name;
  }
  Extensions extensions{{NID_basic_constraints, "critical,CA:FALSE"},
                        {NID_key_usage, "critical,digitalSignature"},
                        {NID_ext_key_usage, "serverAuth"}};
  if (!alternatives.empty()) extensions.emplace_back(NID_subject_alt_name, alternatives);
  auto key = PrivateKey::generate();
  auto der = make({common_name, {}, validity, key.native(), &issuer, issuer.key.native()}, extensions, random);
  return {std::move(key), std::move(der)};
}

Result<Bytes> issue_client(const Identity& issuer, ByteView request_der, const EndpointUid& uid, const EmsSerial& ems,
                           Validity validity, Random& random) {
  auto request = checked_request(request_der);
  if (!request) return fail(request.error());
  return make({uid.str(), ems.str(), validity, X509_REQ_get0_pubkey(request->get()), &issuer, issuer.key.native()},
              {{NID_basic_constraints, "critical,CA:FALSE"},
               {NID_key_usage, "critical,digitalSignature"},
               {NID_ext_key_usage, "clientAuth"}},
              random);
}

Identity make_device(PrivateKey key, const GatewaySerial& serial, Validity validity, Random& random) {
  auto der = make({serial.str(), {}, validity, key.native(), nullptr, key.native()},
                  {{NID_basic_constraints, "critical,CA:FALSE"},
                   {NID_key_usage, "critical,digitalSignature"},
                   {NID_ext_key_usage, "clientAuth"}},
                  random);
  return {std::move(key), std::move(der)};
}

}  // namespace postern::pki
