#pragma once
// Real servers that speak TLS. They are told the name that the client asked for and may show another certificate for
// each, so connections belong to a name.
#include "nginx/ngx.h"

namespace postern::nginx {

/// `postern_by_name;` of an upstream, after its servers and before `keepalive`: a connection that is kept is used again
/// for requests of the same name alone, and why a server's certificate was not accepted is noted for the traffic log.
char* set_by_name(ngx_conf_t* cf, ngx_command_t* command, void* conf);
/// upstream_conf.h
void* create_upstream_conf(ngx_conf_t* cf);

}  // namespace postern::nginx
