#include "nginx/pools.h"

#include <algorithm>
#include <charconv>

#include "nginx/main_conf.h"
#include "nginx/request.h"

extern "C" {
extern ngx_module_t ngx_http_postern_module;
}

namespace postern::nginx {
namespace {

struct PoolName {
  std::uint32_t pool = 0;
  bool once = false;
};

/// pool 0: it is none of ours, or one of gRPC.
PoolName read_name(std::string_view name) {
  constexpr std::string_view kPool = "pool_", kOnce = "_once";
  PoolName out;
  if (!name.starts_with(kPool)) return out;
  name.remove_prefix(kPool.size());
  out.once = name.ends_with(kOnce);
  if (out.once) name.remove_suffix(kOnce.size());
  std::uint32_t number = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
  if (error == std::errc() && end == name.data() + name.size()) out.pool = number;
  return out;
}

ngx_int_t init_peer(ngx_http_request_t* r, ngx_http_upstream_srv_conf_t*) noexcept {
  const auto* state = find_state(r);
  if (state == nullptr || state->stage != RequestState::Stage::kAllowed || state->pool == nullptr) return NGX_ERROR;
  auto* upstream = has_body(r) ? state->pool->once : state->pool->kept;
  if (upstream == nullptr) return NGX_ERROR;
  r->upstream->upstream = upstream;
  return upstream->peer.init(r, upstream);
}

ngx_int_t init_upstream(ngx_conf_t*, ngx_http_upstream_srv_conf_t* us) noexcept {
  us->peer.init = init_peer;
  return NGX_OK;
}

}  // namespace

char* set_pool_upstream(ngx_conf_t* cf, ngx_command_t*, void*) {
  auto* us =
      static_cast<ngx_http_upstream_srv_conf_t*>(ngx_http_conf_get_module_srv_conf(cf, ngx_http_upstream_module));
  if (us->peer.init_upstream != nullptr) return const_cast<char*>("stands alone");
  us->peer.init_upstream = init_upstream;
  return NGX_CONF_OK;
}

const PoolUpstreams* find_upstreams(ngx_http_request_t* r, std::uint32_t pool) {
  const auto all = all_of<PoolUpstreams>(main_conf(r).pools);
  const auto it = std::lower_bound(all.begin(), all.end(), pool,
                                   [](const PoolUpstreams& p, std::uint32_t n) { return p.pool < n; });
  return it != all.end() && it->pool == pool ? &*it : nullptr;
}

ngx_int_t find_pools(ngx_conf_t* cf) {
  auto& main = *static_cast<MainConf*>(ngx_http_conf_get_module_main_conf(cf, ngx_http_postern_module));
  const auto* conf = static_cast<ngx_http_upstream_main_conf_t*>(
      ngx_http_conf_get_module_main_conf(cf, ngx_http_upstream_module));
  if (ngx_array_init(&main.pools, cf->pool, 4, sizeof(PoolUpstreams)) != NGX_OK) return NGX_ERROR;
  auto** upstreams = static_cast<ngx_http_upstream_srv_conf_t**>(conf->upstreams.elts);
  for (ngx_uint_t i = 0; i < conf->upstreams.nelts; ++i) {
    const auto name = read_name(to_view(upstreams[i]->host));
    if (name.pool == 0 || upstreams[i]->peer.init == nullptr) continue;
    auto all = all_of<PoolUpstreams>(main.pools);
    auto it = std::find_if(all.begin(), all.end(), [&](const PoolUpstreams& p) { return p.pool == name.pool; });
    auto* place = it != all.end() ? &*it : static_cast<PoolUpstreams*>(ngx_array_push(&main.pools));
    if (place == nullptr) return NGX_ERROR;
    if (it == all.end()) *place = {name.pool, nullptr, nullptr};
    (name.once ? place->once : place->kept) = upstreams[i];
  }
  const auto all = all_of<PoolUpstreams>(main.pools);
  std::sort(all.begin(), all.end(), [](const PoolUpstreams& a, const PoolUpstreams& b) { return a.pool < b.pool; });
  return NGX_OK;
}

}  // namespace postern::nginx
