#pragma once
// Real servers that know their application by another host name than the client does (translate-host).
#include <string_view>

#include "nginx/ngx.h"

namespace postern::nginx {

/// `postern_host <pool> <host>;` of http: requests that are led to this pool are sent with this host, and answers that
/// name it are translated.
char* set_translated_host(ngx_conf_t* cf, ngx_command_t* command, void* conf);

/// The name by which the application knows this request's host; empty: by the client's.
std::string_view translated_host(ngx_http_request_t* r);

/// Has nginx translate what the answer says of the application's host, if need be.
void translate_answer(ngx_http_request_t* r);

}  // namespace postern::nginx
