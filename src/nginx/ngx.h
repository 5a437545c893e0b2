#pragma once
// nginx's own headers, which are C and know nothing of C++.
extern "C" {
#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>
#include <ngx_http.h>
#include <ngx_http_v2.h>
}

#include <string_view>

namespace postern::nginx {

inline std::string_view to_view(const ngx_str_t& s) {
  return {reinterpret_cast<const char*>(s.data), s.len};
}

/// A copy in nginx's pool; empty when there is no memory.
inline ngx_str_t to_pool(ngx_pool_t* pool, std::string_view text) {
  ngx_str_t out{};
  out.data = static_cast<u_char*>(ngx_pnalloc(pool, text.empty() ? 1 : text.size()));
  if (out.data == nullptr) return out;
  ngx_memcpy(out.data, text.data(), text.size());
  out.len = text.size();
  return out;
}

}  // namespace postern::nginx
