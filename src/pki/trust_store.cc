#include "pki/trust_store.h"

#include <openssl/err.h>

#include <algorithm>
#include <string_view>

#include "pki/certificate.h"
#include "pki/openssl.h"

namespace postern::pki {
namespace {

constexpr int kAuthLevel = 2;  // 112 bits: SHA-1 and RSA of 1024 bits vouch for nothing.

struct StackFree {
  void operator()(STACK_OF(X509) * stack) const { sk_X509_pop_free(stack, X509_free); }
};
using StackPtr = std::unique_ptr<STACK_OF(X509), StackFree>;

X509Ptr x509_of(ByteView der) {
  const auto* at = der.data();
  return X509Ptr(d2i_X509(nullptr, &at, static_cast<long>(der.size())));
}

int purpose_of(const CertificateInfo& info) {
  if (info.is_ca) return X509_PURPOSE_ANY;  // an authority itself proves neither
  if (info.client_auth) return X509_PURPOSE_SSL_CLIENT;
  return info.server_auth ? X509_PURPOSE_SSL_SERVER : X509_PURPOSE_ANY;
}

/// Each authority between says for what it may vouch, if it says anything: that has to be all for which the certificate is.
bool may_vouch(const CertificateInfo& authority, const CertificateInfo& leaf) {
  constexpr std::string_view kAny = "2.5.29.37.0", kClient = "1.3.6.1.5.5.7.3.2";
  const auto& allowed = authority.usages;
  if (allowed.empty() || std::ranges::find(allowed, kAny) != allowed.end()) return true;
  const auto named = [&](std::string_view usage) { return std::ranges::find(allowed, usage) != allowed.end(); };
  return leaf.usages.empty() ? named(kClient) : std::ranges::all_of(leaf.usages, named);
}

bool chain_may_vouch(X509_STORE_CTX* context, const CertificateInfo& leaf) {
  STACK_OF(X509)* chain = X509_STORE_CTX_get0_chain(context);
  for (int i = 1; i < sk_X509_num(chain); ++i) {
    unsigned char* der = nullptr;
    const int size = i2d_X509(sk_X509_value(chain, i), &der);
    if (size <= 0) return false;
    const auto info = parse_certificate(ByteView(der, static_cast<std::size_t>(size)));
    OPENSSL_free(der);
    if (!info || !may_vouch(*info, leaf)) return false;
  }
  return true;
}

Status status_of(int good, int error) {
  if (good == 1) return {};
  const bool failed = good < 0 || error == X509_V_ERR_OUT_OF_MEM || error == X509_V_ERR_UNSPECIFIED;
  return fail(failed ? ErrorCode::kUnavailable : ErrorCode::kUnauthenticated, X509_verify_cert_error_string(error));
}

}  // namespace

void TrustStore::Free::operator()(x509_store_st* store) const { X509_STORE_free(store); }

TrustStore::TrustStore(std::span<const Bytes> authorities) : store_(X509_STORE_new()) {
  for (const auto& der : authorities) {
    if (const auto x = x509_of(der)) X509_STORE_add_cert(store_.get(), x.get());
  }
  ERR_clear_error();
}

Status TrustStore::verify(ByteView leaf_der, std::span<const Bytes> intermediates, WallTime at) const {
  const auto info = parse_certificate(leaf_der);
  if (!info) return fail(info.error());
  const auto leaf = x509_of(leaf_der);
  const StackPtr between(sk_X509_new_null());
  for (const auto& der : intermediates) {
    if (auto x = x509_of(der)) sk_X509_push(between.get(), x.release());
  }
  const StoreContextPtr context(X509_STORE_CTX_new());
  if (!leaf || X509_STORE_CTX_init(context.get(), store_.get(), leaf.get(), between.get()) != 1)
    return fail(ErrorCode::kUnavailable, "OpenSSL can't begin");
  auto* parameters = X509_STORE_CTX_get0_param(context.get());
  X509_VERIFY_PARAM_set_time(parameters, static_cast<time_t>(to_unix_ms(at) / 1000));
  X509_VERIFY_PARAM_set_purpose(parameters, purpose_of(*info));
  X509_VERIFY_PARAM_set_auth_level(parameters, kAuthLevel);
  // Whoever is in the store is trusted as it is: an issuing authority without its root, and of two roots of one name
  // and key either.
  X509_VERIFY_PARAM_set_flags(parameters, X509_V_FLAG_PARTIAL_CHAIN);
  const int good = X509_verify_cert(context.get());
  auto status = status_of(good, X509_STORE_CTX_get_error(context.get()));
  if (status && !info->is_ca && !chain_may_vouch(context.get(), *info))
    status = fail(ErrorCode::kUnauthenticated, "an authority of its chain does not vouch for what it is for");
  ERR_clear_error();
  return status;
}

}  // namespace postern::pki
