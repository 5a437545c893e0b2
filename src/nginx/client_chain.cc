#include "nginx/client_chain.h"

#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <algorithm>
#include <new>
#include <optional>
#include <vector>

#include "base/sha256.h"
#include "nginx/verified_leaves.h"
#include "nginx/worker.h"

namespace postern::nginx {
namespace {

void forget_leaves(void* data) { static_cast<VerifiedLeaves*>(data)->~VerifiedLeaves(); }

/// A gateway that started anew has told revocations anew: nothing of before is relied on.
int verify_client(X509_STORE_CTX* ctx, void* leaves) noexcept {
  auto& w = worker();
  return static_cast<VerifiedLeaves*>(leaves)->verify(ctx, w.running() ? w.reader().generation() : 0);
}

bool add_digest(std::vector<Sha256>& all, const X509* x) {
  unsigned size = 0;
  auto& digest = all.emplace_back();
  return X509_digest(x, EVP_sha256(), digest.data(), &size) == 1 && size == digest.size();
}

/// What a session has to have begun under: nginx itself takes CAs of one name for the same.
std::optional<Sha256> session_context(SSL_CTX* ctx) {
  std::vector<Sha256> own, cas;
  for (long at = SSL_CERT_SET_FIRST; SSL_CTX_set_current_cert(ctx, at) == 1; at = SSL_CERT_SET_NEXT) {
    if (const auto* x = SSL_CTX_get0_certificate(ctx); x != nullptr && !add_digest(own, x)) return std::nullopt;
  }
  SSL_CTX_set_current_cert(ctx, SSL_CERT_SET_FIRST);
  const auto* objects = X509_STORE_get0_objects(SSL_CTX_get_cert_store(ctx));
  for (int i = 0; i < sk_X509_OBJECT_num(objects); ++i) {
    const auto* x = X509_OBJECT_get0_X509(sk_X509_OBJECT_value(objects, i));
    if (x != nullptr && !add_digest(cas, x)) return std::nullopt;
  }
  std::sort(cas.begin(), cas.end());
  Bytes text;
  for (const auto* list : {&own, &cas}) {
    text.push_back(static_cast<std::uint8_t>(list == &own ? 's' : 'c'));
    for (const auto& digest : *list) text.insert(text.end(), digest.begin(), digest.end());
  }
  return sha256(ByteView(text));
}

ngx_int_t take_at(ngx_conf_t* cf, SSL_CTX* ctx) {
  const auto context = session_context(ctx);
  static_assert(sizeof(Sha256) <= SSL_MAX_SID_CTX_LENGTH);
  if (!context || SSL_CTX_set_session_id_context(ctx, context->data(), static_cast<unsigned>(context->size())) != 1)
    return NGX_ERROR;
  // In the configuration's pool: a new configuration, which may bring other CAs, knows nobody.
  auto* cleanup = ngx_pool_cleanup_add(cf->pool, sizeof(VerifiedLeaves));
  if (cleanup == nullptr) return NGX_ERROR;
  auto* leaves = new (cleanup->data) VerifiedLeaves;
  cleanup->handler = forget_leaves;
  SSL_CTX_set_cert_verify_callback(ctx, verify_client, leaves);
  return NGX_OK;
}

}  // namespace

ngx_int_t take_client_certificates(ngx_conf_t* cf) {
  const auto* core =
      static_cast<ngx_http_core_main_conf_t*>(ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module));
  auto** servers = static_cast<ngx_http_core_srv_conf_t**>(core->servers.elts);
  for (ngx_uint_t i = 0; i < core->servers.nelts; ++i) {
    const auto* ssl =
        static_cast<ngx_http_ssl_srv_conf_t*>(servers[i]->ctx->srv_conf[ngx_http_ssl_module.ctx_index]);
    if (ssl == nullptr || ssl->ssl.ctx == nullptr || ssl->verify == 0) continue;
    if (take_at(cf, ssl->ssl.ctx) != NGX_OK) {
      ngx_log_error(NGX_LOG_EMERG, cf->log, 0, "postern: a server's client certificates can't be taken care of");
      return NGX_ERROR;
    }
  }
  return NGX_OK;
}

}  // namespace postern::nginx
