#include "nginx/translation.h"

#include <algorithm>

#include "nginx/main_conf.h"
#include "nginx/request.h"
#include "policy/translate_host.h"

extern "C" {
extern ngx_module_t ngx_http_postern_module;
}

namespace postern::nginx {
namespace {

std::uint16_t port_of(const sockaddr* address) {
  if (address == nullptr) return 0;
  if (address->sa_family == AF_INET) return ntohs(reinterpret_cast<const sockaddr_in*>(address)->sin_port);
  if (address->sa_family == AF_INET6) return ntohs(reinterpret_cast<const sockaddr_in6*>(address)->sin6_port);
  return 0;
}

policy::HostTranslation names_of(ngx_http_request_t* r) {
  const auto client = to_view(r->headers_in.host != nullptr ? r->headers_in.host->value : r->headers_in.server);
  return {translated_host(r), client, port_of(r->upstream->peer.sockaddr)};
}

ngx_int_t replace(ngx_http_request_t* r, ngx_table_elt_t* h, const std::optional<std::string>& text) {
  if (!text) return NGX_DECLINED;
  const auto value = to_pool(r->pool, *text);
  if (value.data == nullptr) return NGX_ERROR;
  h->value = value;
  return NGX_OK;
}

/// `prefix`: so many bytes stand before the URL (in a Refresh header).
ngx_int_t rewrite_redirect(ngx_http_request_t* r, ngx_table_elt_t* h, size_t prefix) noexcept {
  const auto value = to_view(h->value);
  auto url = policy::translate_location(value.substr(prefix), names_of(r));
  if (url) url->insert(0, value.substr(0, prefix));
  return replace(r, h, url);
}

ngx_int_t rewrite_cookie(ngx_http_request_t* r, ngx_table_elt_t* h) noexcept {
  return replace(r, h, policy::translate_cookie(to_view(h->value), names_of(r)));
}

}  // namespace

char* set_translated_host(ngx_conf_t* cf, ngx_command_t*, void* conf) {
  return add_of_pool(cf, static_cast<MainConf*>(conf)->hosts);
}

std::string_view translated_host(ngx_http_request_t* r) {
  const auto& conf = *static_cast<MainConf*>(ngx_http_get_module_main_conf(r, ngx_http_postern_module));
  if (conf.hosts.nelts == 0) return {};
  const auto* state = find_state(r);
  const auto* host = state == nullptr ? nullptr : find_pool(conf.hosts, state->decision.pool);
  return host == nullptr ? std::string_view() : to_view(host->text);
}

void translate_answer(ngx_http_request_t* r) {
  if (translated_host(r).empty()) return;
  r->upstream->rewrite_redirect = rewrite_redirect;
  r->upstream->rewrite_cookie = rewrite_cookie;
}

}  // namespace postern::nginx
