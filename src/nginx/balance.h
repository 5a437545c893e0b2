#pragma once
// Our choice among the real servers of a pool: by the method of its API gateway, and by what the gateway says of their
// health (ecshm/server_health.h), per request. A worker that fails to reach a server leaves it alone for a while, too.
#include "nginx/ngx.h"

namespace postern::nginx {

/// `postern_server <number> active|standby [host];` behind each `server` line of an upstream: the number under which
/// its health is told, and with http-host the host that it is for.
char* set_balanced_server(ngx_conf_t* cf, ngx_command_t* command, void* conf);
/// `postern_balance static|round-robin|weighted|first-alive|http-host;` behind all of them, before `postern_by_name` and
/// `keepalive`.
char* set_balance(ngx_conf_t* cf, ngx_command_t* command, void* conf);

}  // namespace postern::nginx
