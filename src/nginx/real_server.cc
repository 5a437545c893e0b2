#include "nginx/real_server.h"

#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <algorithm>
#include <string>

#include "base/sha256.h"
#include "nginx/request.h"
#include "nginx/upstream_conf.h"

extern "C" {
extern ngx_module_t ngx_http_postern_module;
}

namespace postern::nginx {
namespace {

/// Stands between `keepalive` and what chooses the server.
struct ByName {
  ngx_http_request_t* request;
  void* data;
  ngx_event_get_peer_pt get;
  ngx_event_free_peer_pt free;
  ngx_sockaddr_t address;
};

/// `keepalive` knows a connection by the address that it was made to, all of its bytes. The kernel reads as many as the
/// address's family has: behind those stands the name, so that each name has connections of its own.
void add_name(ByName& peer, ngx_peer_connection_t* pc) {
  const auto name = sha256(to_view(peer.request->headers_in.server));
  constexpr std::size_t kNameBytes = 16;
  const std::size_t size = pc->socklen;
  static_assert(sizeof peer.address >= sizeof(sockaddr_in6) + kNameBytes);
  if (size + kNameBytes > sizeof peer.address) return;
  ngx_memcpy(&peer.address, pc->sockaddr, size);
  ngx_memcpy(reinterpret_cast<u_char*>(&peer.address) + size, name.data(), kNameBytes);
  pc->sockaddr = &peer.address.sockaddr;
  pc->socklen = static_cast<socklen_t>(size + kNameBytes);
}

ngx_int_t get_peer(ngx_peer_connection_t* pc, void* data) noexcept {
  auto& peer = *static_cast<ByName*>(data);
  const auto rc = peer.get(pc, peer.data);
  if (rc == NGX_OK) add_name(peer, pc);
  return rc;
}

/// Why nginx gave up on this connection, if its TLS is the reason; nginx itself says it in its error log alone.
std::string tls_problem(ngx_http_upstream_t* u, const ngx_peer_connection_t* pc) {
  auto* c = pc->connection;
  if (c == nullptr || c->ssl == nullptr) return {};
  if (!c->ssl->handshaked) return "TLS handshake failed";
  if (!u->conf->ssl_verify) return {};
  const auto verified = SSL_get_verify_result(c->ssl->connection);
  if (verified != X509_V_OK) return std::string("certificate: ") + X509_verify_cert_error_string(verified);
  if (u->ssl_name.len == 0 || ngx_ssl_check_host(c, &u->ssl_name) != NGX_OK)
    return "certificate is not for " + std::string(to_view(u->ssl_name));
  return {};
}

void free_peer(ngx_peer_connection_t* pc, void* data, ngx_uint_t state) noexcept {
  auto& peer = *static_cast<ByName*>(data);
  if ((state & NGX_PEER_FAILED) != 0) {
    const auto problem = tls_problem(peer.request->upstream, pc);
    auto* of_request = problem.empty() ? nullptr : find_state(peer.request);
    if (of_request != nullptr) {
      of_request->server_problem =
          (pc->name != nullptr ? std::string(to_view(*pc->name)) + ": " : std::string()) + problem;
    }
  }
  peer.free(pc, peer.data, state);
}

// Sessions are not gone on with (proxy_ssl_session_reuse off): they belong to a server, whatever the name.
ngx_int_t no_session(ngx_peer_connection_t*, void*) noexcept { return NGX_OK; }
void keep_no_session(ngx_peer_connection_t*, void*) noexcept {}

ngx_int_t init_peer(ngx_http_request_t* r, ngx_http_upstream_srv_conf_t* us) noexcept {
  const auto* conf = static_cast<UpstreamConf*>(ngx_http_conf_upstream_srv_conf(us, ngx_http_postern_module));
  auto* peer = static_cast<ByName*>(ngx_pcalloc(r->pool, sizeof(ByName)));
  if (peer == nullptr || conf->by_name_init_peer(r, us) != NGX_OK) return NGX_ERROR;
  auto& upstream = r->upstream->peer;
  peer->request = r;
  peer->data = upstream.data;
  peer->get = upstream.get;
  peer->free = upstream.free;
  upstream.data = peer;
  upstream.get = get_peer;
  upstream.free = free_peer;
  upstream.set_session = no_session;
  upstream.save_session = keep_no_session;
  return NGX_OK;
}

ngx_int_t init_upstream(ngx_conf_t* cf, ngx_http_upstream_srv_conf_t* us) noexcept {
  auto* conf = static_cast<UpstreamConf*>(ngx_http_conf_upstream_srv_conf(us, ngx_http_postern_module));
  if (conf->by_name_init_upstream(cf, us) != NGX_OK) return NGX_ERROR;
  conf->by_name_init_peer = us->peer.init;
  us->peer.init = init_peer;
  return NGX_OK;
}

}  // namespace

void* create_upstream_conf(ngx_conf_t* cf) { return ngx_pcalloc(cf->pool, sizeof(UpstreamConf)); }

char* set_by_name(ngx_conf_t* cf, ngx_command_t*, void* conf) {
  auto* mine = static_cast<UpstreamConf*>(conf);
  if (mine->by_name_init_upstream != nullptr) return const_cast<char*>("is duplicate");
  auto* upstream = static_cast<ngx_http_upstream_srv_conf_t*>(
      ngx_http_conf_get_module_srv_conf(cf, ngx_http_upstream_module));
  mine->by_name_init_upstream =
      upstream->peer.init_upstream != nullptr ? upstream->peer.init_upstream : ngx_http_upstream_init_round_robin;
  upstream->peer.init_upstream = init_upstream;
  return NGX_CONF_OK;
}

}  // namespace postern::nginx
