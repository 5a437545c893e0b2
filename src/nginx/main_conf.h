#pragma once
// What nginx keeps of our directives for the whole of http.
#include <cstdint>
#include <span>

#include "nginx/ngx.h"

namespace postern::nginx {

/// Something that is said of a pool: where its requests go on, or the host that they are sent with.
struct OfPool {
  std::uint32_t pool;
  ngx_str_t text;
  bool forwards = false;  ///< Of a named location: its requests carry TCP.
};

/// Where requests to a pool's real servers go; null where there is none.
struct PoolUpstreams {
  std::uint32_t pool;
  ngx_http_upstream_srv_conf_t* kept;
  ngx_http_upstream_srv_conf_t* once;  ///< With a body.
};

struct MainConf {
  ngx_str_t dir;
  ngx_str_t more;       // The named location of requests that upgrade or have a body; empty: where their path leads.
  ngx_array_t through;  // of OfPool, ascending by pool: named locations
  ngx_array_t grpc;     // likewise, for calls by gRPC
  ngx_array_t hosts;    // likewise: the host that is sent
  ngx_array_t pools;    // of PoolUpstreams, ascending by pool
};

template <class T = OfPool>
std::span<T> all_of(const ngx_array_t& array) {
  return {static_cast<T*>(array.elts), array.nelts};
}
const MainConf& main_conf(ngx_http_request_t* r);
/// nullptr: nothing is said of it.
const OfPool* find_pool(const ngx_array_t& array, std::uint32_t pool);
/// Does the pool lead to the forwarder of TCP connections?
bool forwards_tcp(ngx_http_request_t* r, std::uint32_t pool);
/// Takes the directive's two words. NGX_CONF_OK, or what is wrong.
char* add_of_pool(ngx_conf_t* cf, ngx_array_t& array);

}  // namespace postern::nginx
