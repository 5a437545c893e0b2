#include "nginx/main_conf.h"

#include <algorithm>

extern "C" {
extern ngx_module_t ngx_http_postern_module;
}

namespace postern::nginx {

const MainConf& main_conf(ngx_http_request_t* r) {
  return *static_cast<MainConf*>(ngx_http_get_module_main_conf(r, ngx_http_postern_module));
}

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

bool forwards_tcp(ngx_http_request_t* r, std::uint32_t pool) {
  const auto* through = find_pool(main_conf(r).through, pool);
  return through != nullptr && through->forwards;
}

}  // namespace postern::nginx
