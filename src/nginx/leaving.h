#pragma once
// A worker of before, which nginx has told to end, and what clients still ask of it.
#include "nginx/ngx.h"

namespace postern::nginx {

/// To be called with each request. On a connection of HTTP/2 that this worker should not have any more, the client is told to
/// go (GOAWAY): nginx tells only those that it has when it is told to end, and not one whose handshake was under way then,
/// which would stay for as long as it asks for something.
void tell_to_go(ngx_http_request_t* r);

/// For a stream of HTTP/2 that this worker can't serve, since it doesn't know the real servers of now, and another worker can:
/// REFUSED_STREAM, after which a client asks again by itself. What a handler of the access phase returns.
ngx_int_t send_elsewhere(ngx_http_request_t* r);

}  // namespace postern::nginx
