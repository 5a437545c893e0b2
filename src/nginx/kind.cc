#include "nginx/grpc.h"
#include "nginx/request.h"

namespace postern::nginx {

bool has_body(const ngx_http_request_t* r) { return r->headers_in.chunked || r->headers_in.content_length_n > 0; }

bool wants_websocket(const ngx_http_request_t* r) {
  const auto* upgrade = r->headers_in.upgrade;
  return upgrade != nullptr && !has_body(r) && r->http_version == NGX_HTTP_VERSION_11 &&
         r->method == NGX_HTTP_GET && upgrade->value.len == 9 &&
         ngx_strncasecmp(upgrade->value.data,
                         reinterpret_cast<u_char*>(const_cast<char*>("websocket")), 9) == 0;
}

ecshm::SessionKind kind_of(ngx_http_request_t* r) {
  using Kind = ecshm::SessionKind;
  if (r->http_version == NGX_HTTP_VERSION_20) return is_grpc(r) ? Kind::kGrpc : Kind::kHttp2;
  return wants_websocket(r) ? Kind::kWebSocket : Kind::kHttp1;
}

}  // namespace postern::nginx
