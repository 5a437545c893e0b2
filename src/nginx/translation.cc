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

const OfPool* find_pool(const ngx_array_t& array, std::uint32_t pool) {
  const auto all = all_of(array);
  const auto it = std::lower_bound(all.begin(), all.end(), pool, [](const OfPool& p, std::uint32_t n) { return p.pool < n; });
  return it == all.end() || it->pool != pool ? nullptr : &*it;
}

char* add_of_pool(ngx_conf_t* cf, ngx_array_t& array) {
  auto* value = static_cast<ngx_str_t*>(cf->args->elts);
  const auto pool = ngx_atoi(value[1].data, value[1].len);
  if (pool == NGX_ERROR || pool <= 0 || pool > 0xffffffff) return const_cast<char*>("needs a pool's number");
  for (const auto& other : all_of(array)) {
    if (other.pool == pool) return const_cast<char*>("is duplicate");
  }
  auto* added = static_cast<OfPool*>(ngx_array_push(&array));
  if (added == nullptr) return static_cast<char*>(NGX_CONF_ERROR);
  *added = {static_cast<std::uint32_t>(pool), value[2]};
  return NGX_CONF_OK;
}

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
