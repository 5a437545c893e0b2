#pragma once
#include "nginx/ngx.h"

namespace postern::nginx {

struct PoolUpstreams;

/// upstream: `postern_pool;`. Requests go on to the real servers that their decision named: the upstream "pool_N", and with
/// a body "pool_N_once". One that was not let through ends with 500. (By a variable in proxy_pass nginx would read a URL
/// and look for the upstream's name anew with each request.)
char* set_pool_upstream(ngx_conf_t* cf, ngx_command_t* command, void* conf);

/// The real servers of this pool, for RequestState::pool; nullptr: this worker doesn't know them. One that nginx has told to
/// end, or will, may not: they are of a configuration that came after its own.
const PoolUpstreams* find_upstreams(ngx_http_request_t* r, std::uint32_t pool);

/// Finds those upstreams, once the configuration is read. NGX_OK or NGX_ERROR.
ngx_int_t find_pools(ngx_conf_t* cf);

}  // namespace postern::nginx
