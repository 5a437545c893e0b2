// certificates:system and certificates:personal. Those of the system are whom the machine trusts; the personal ones are
// what it can prove itself with, PEM files in /etc/postern/certificates: NAME.pem or NAME.crt, behind the machine's
// what leads to its issuer, its key in the same file or in NAME.key beside it. Of each its chain is held against the
// system's authorities.
#include "agent/collectors/asked/certificates.h"

#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <memory>
#include <set>
#include <span>

#include "agent/collectors/asked.h"
#include "agent/collectors/listing.h"
#include "base/file.h"
#include "base/sha256.h"
#include "pki/certificate.h"
#include "pki/trust_store.h"
#include "posture/fact_keys.h"

namespace postern::agent {
namespace certificates_family {
namespace {

namespace keys = posture::keys;
using posture::UnknownReason;

constexpr std::size_t kMaxBundle = 16u << 20;
constexpr std::size_t kMaxCertificates = 4096;
constexpr std::size_t kMaxChain = 32;
constexpr Seconds kLookAtChains{600};
constexpr const char* kBundles[] = {"/etc/ssl/certs/ca-certificates.crt",
                                    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem", "/etc/ssl/ca-bundle.pem",
                                    "/etc/ssl/cert.pem"};
constexpr const char* kDirectory = "/etc/ssl/certs";
constexpr const char* kPersonal = "/etc/postern/certificates";

bool certificate_name(std::string_view name) {
  return name.ends_with(".pem") || name.ends_with(".crt") || name.ends_with(".cer");
}

/// Whom the system trusts, or why that can't be told.
class Authorities {
 public:
  explicit Authorities(const Facts& facts) : now_(facts.now()), store_(read(facts)) {}

  posture::ChainTrust trust(ByteView leaf, std::span<const Bytes> between) const {
    if (!store_ || between.size() > kMaxChain) return posture::ChainTrust::kUnknown;
    const auto status = store_->verify(leaf, between, now_);
    if (status) return posture::ChainTrust::kTrusted;
    return status.error().code == ErrorCode::kUnauthenticated ? posture::ChainTrust::kUntrusted
                                                              : posture::ChainTrust::kUnknown;
  }

 private:
  /// The directory counts only where there is no bundle: what lies in it beside one, such as Debian's snake oil, is not
  /// what programs trust.
  static Result<pki::TrustStore> read(const Facts& facts) {
    std::vector<std::string> files;
    for (const auto* bundle : kBundles) {
      if (facts.exists(bundle)) files.emplace_back(bundle);
    }
    if (files.empty()) {
      const auto names = list_directory(facts, kDirectory);
      if (!names) return fail(names.error());
      for (const auto& name : *names) {
        if (certificate_name(name)) files.push_back(std::string(kDirectory) + "/" + name);
      }
    }
    std::vector<Bytes> all;
    for (const auto& file : files) {
      const auto text = facts.read(file, kMaxBundle);
      if (!text && text.error().code == ErrorCode::kNotFound) continue;
      if (!text) return fail(text.error());
      std::ranges::move(pem_certificates(*text), std::back_inserter(all));
    }
    return pki::TrustStore(all);
  }

  WallTime now_;
  Result<pki::TrustStore> store_;
};

/// A list that lacks what could not be read would say of a certificate that it isn't there.
Status add(const Facts& facts, const std::string& path, const Authorities& authorities, std::set<Sha256>& seen,
           std::vector<posture::Certificate>& out) {
  const auto text = facts.read(path, kMaxBundle);
  if (!text && text.error().code == ErrorCode::kNotFound) return {};  // a link that leads nowhere
  if (!text) return fail(text.error());
  for (const auto& der : pem_certificates(*text)) {
    if (!seen.insert(sha256(der)).second) continue;
    if (out.size() >= kMaxCertificates)
      return fail(ErrorCode::kResourceExhausted, "more certificates than are reported");
    auto one = describe_certificate(der, "system");
    if (!one) continue;
    one->trust = authorities.trust(der, {});
    out.push_back(std::move(*one));
  }
  return {};
}

void system(Facts& facts, const std::string& key, const Authorities& authorities) {
  std::set<Sha256> seen;
  std::vector<posture::Certificate> out;
  std::string source;
  for (const auto* bundle : kBundles) {
    if (!facts.exists(bundle)) continue;
    if (auto ok = add(facts, bundle, authorities, seen, out); !ok)
      return facts.unknown(key, reason_of(ok.error()), bundle);
    if (source.empty()) source = bundle;
  }
  if (const auto names = list_directory(facts, kDirectory)) {
    for (const auto& name : *names) {
      if (!certificate_name(name)) continue;
      const auto path = std::string(kDirectory) + "/" + name;
      if (auto ok = add(facts, path, authorities, seen, out); !ok)
        return facts.unknown(key, reason_of(ok.error()), path);
    }
    if (source.empty()) source = kDirectory;
  } else if (names.error().code == ErrorCode::kPermissionDenied) {
    return facts.unknown(key, UnknownReason::kDenied, kDirectory);
  }
  if (source.empty()) return facts.unknown(key, UnknownReason::kUnsupported, "no store of certificates is known here");
  facts.know(key, std::move(out), std::move(source));
}

void personal(Facts& facts, const std::string& key, const Authorities& authorities) {
  const auto names = list_directory(facts, kPersonal);
  if (!names && names.error().code != ErrorCode::kNotFound)
    return facts.unknown(key, reason_of(names.error()), kPersonal);
  std::vector<posture::Certificate> out;
  for (const auto& name : names.value_or(std::vector<std::string>())) {
    if (!certificate_name(name)) continue;
    const auto path = std::string(kPersonal) + "/" + name;
    const auto text = facts.read(path, kMaxBundle);
    if (!text) return facts.unknown(key, reason_of(text.error()), path);
    auto chain = pem_certificates(*text);  // the first is the machine's, the others lead to its issuer
    if (chain.empty()) chain.emplace_back(text->begin(), text->end());  // one as DER
    auto one = describe_certificate(chain.front(), "machine");
    // It may be the one that a rule asks for.
    if (!one) return facts.unknown(key, UnknownReason::kFailed, path + " holds no certificate that can be read");
    auto secret = pki::PrivateKey::from_pem(*text);
    if (!secret) {
      const auto beside = facts.read(path.substr(0, path.size() - 4) + ".key", 1u << 20);
      if (beside) secret = pki::PrivateKey::from_pem(*beside);
    }
    one->has_private_key = secret && possesses(chain.front(), *secret);
    one->trust = authorities.trust(chain.front(), std::span(chain).subspan(1));
    if (out.size() >= kMaxCertificates)
      return facts.unknown(key, UnknownReason::kFailed, "more certificates than are reported");
    out.push_back(std::move(*one));
  }
  facts.know(key, std::move(out), kPersonal);
}

void answer(const Question& question, Facts& facts) {
  const Authorities authorities(facts);
  for (const auto& store : question.arguments(keys::kCertificates)) {
    const auto key = keys::with(keys::kCertificates, store);
    if (store == "system") {
      system(facts, key, authorities);
    } else if (store == "personal") {
      personal(facts, key, authorities);
    } else {
      facts.unknown(key, UnknownReason::kUnsupported, "no such store is known here");
    }
  }
}

Triggers triggers(const Question& question, const Facts&) {
  Triggers out{.files = {kBundles, std::end(kBundles)},
               .interval = kLookAtChains,
               .why = "that a certificate of a chain ends sends no event",
               .few = true};
  out.files.emplace_back(kDirectory);
  if (question.has(keys::with(keys::kCertificates, "personal"))) out.files.emplace_back(kPersonal);
  return out;
}

/// Of too many nothing is told: a list that lacks some would say that it doesn't name them.
std::optional<std::vector<std::string>> told_usages(const std::vector<std::string>& usages) {
  return usages.size() > posture::kMaxCertificateUsages ? std::nullopt : std::optional(usages);
}

using X509Owner = std::unique_ptr<X509, decltype(&::X509_free)>;

X509Owner parse(ByteView der) {
  const auto* at = der.data();
  return {::d2i_X509(nullptr, &at, static_cast<long>(der.size())), ::X509_free};
}

}  // namespace
}  // namespace certificates_family

std::vector<Bytes> pem_certificates(std::string_view text) {
  constexpr std::string_view kBegin = "-----BEGIN CERTIFICATE-----", kEnd = "-----END CERTIFICATE-----";
  std::vector<Bytes> out;
  for (auto at = text.find(kBegin); at != text.npos; at = text.find(kBegin, at)) {
    at += kBegin.size();
    const auto end = text.find(kEnd, at);
    if (end == text.npos) break;
    std::string body;
    for (const char c : text.substr(at, end - at)) {
      if (c != '\n' && c != '\r' && c != ' ') body += c;
    }
    if (auto der = from_base64(body); der && !der->empty()) out.push_back(std::move(*der));
    at = end;
  }
  return out;
}

std::optional<posture::Certificate> describe_certificate(ByteView der, std::string store) {
  const auto info = pki::parse_certificate(der);
  if (!info) return std::nullopt;
  const auto x = certificates_family::parse(der);
  const bool any_use = x && (::X509_get_extension_flags(x.get()) & EXFLAG_XKUSAGE) == 0;
  return posture::Certificate{.subject = info->subject_cn,
                              .issuer = info->issuer_cn,
                              .sha256 = info->sha256,
                              .store = std::move(store),
                              .not_before = info->not_before,
                              .not_after = info->not_after,
                              .ca = info->is_ca,
                              .client_auth = info->client_auth || any_use,
                              .usages = certificates_family::told_usages(info->usages)};
}

bool possesses(ByteView der, const pki::PrivateKey& key) {
  const auto x = certificates_family::parse(der);
  EVP_PKEY* open = x ? ::X509_get0_pubkey(x.get()) : nullptr;
  if (open == nullptr) return false;
  std::array<std::uint8_t, 32> challenge{};
  if (::RAND_bytes(challenge.data(), static_cast<int>(challenge.size())) != 1) return false;
  // Those of Edwards curves hash by themselves.
  const auto digest_for = [](EVP_PKEY* one) {
    const int id = ::EVP_PKEY_base_id(one);
    return id == EVP_PKEY_ED25519 || id == EVP_PKEY_ED448 ? nullptr : ::EVP_sha256();
  };
  using Context = std::unique_ptr<EVP_MD_CTX, decltype(&::EVP_MD_CTX_free)>;
  const Context sign(::EVP_MD_CTX_new(), ::EVP_MD_CTX_free), verify(::EVP_MD_CTX_new(), ::EVP_MD_CTX_free);
  std::vector<std::uint8_t> signature(8192);
  std::size_t size = signature.size();
  return ::EVP_DigestSignInit(sign.get(), nullptr, digest_for(key.native()), nullptr, key.native()) == 1 &&
         ::EVP_DigestSign(sign.get(), signature.data(), &size, challenge.data(), challenge.size()) == 1 &&
         ::EVP_DigestVerifyInit(verify.get(), nullptr, digest_for(open), nullptr, open) == 1 &&
         ::EVP_DigestVerify(verify.get(), signature.data(), size, challenge.data(), challenge.size()) == 1;
}

namespace asked {
const AskedFamily& certificates() {
  static const AskedFamily kFamily{.name = "certificates",
                                   .keys = {posture::keys::kCertificates},
                                   .answer = certificates_family::answer,
                                   .triggers = certificates_family::triggers,
                                   .pause = std::chrono::milliseconds(200)};
  return kFamily;
}
}  // namespace asked

}  // namespace postern::agent
