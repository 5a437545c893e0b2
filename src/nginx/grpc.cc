#include "nginx/grpc.h"

#include <fmt/format.h>

#include "nginx/reply.h"

namespace postern::nginx {
namespace {

bool add_status(ngx_http_request_t* r, GrpcStatus status, std::string_view message) {
  return add_header(r, "grpc-status", std::to_string(static_cast<unsigned>(status))) &&
         add_header(r, "grpc-message", grpc_message(message));
}

bool add_trailer(ngx_http_request_t* r, std::string_view name, std::string_view value) {
  auto* trailer = static_cast<ngx_table_elt_t*>(ngx_list_push(&r->headers_out.trailers));
  if (trailer == nullptr) return false;
  *trailer = {};
  trailer->hash = 1;
  trailer->key = to_pool(r->pool, name);
  trailer->value = to_pool(r->pool, value);
  return trailer->key.data != nullptr && trailer->value.data != nullptr;
}

ngx_int_t send_status_alone(ngx_http_request_t* r) {
  r->err_status = 0;
  r->headers_out.status = NGX_HTTP_OK;
  r->headers_out.status_line = {};
  r->headers_out.content_type = to_pool(r->pool, "application/grpc");
  r->headers_out.content_type_len = r->headers_out.content_type.len;
  r->headers_out.content_type_lowcase = nullptr;
  r->headers_out.content_length_n = -1;
  ngx_http_clear_accept_ranges(r);
  ngx_http_clear_last_modified(r);
  r->header_only = 1;
  return ngx_http_send_header(r);
}

}  // namespace

bool grpc_content_type(std::string_view value) {
  constexpr std::string_view kType = "application/grpc";
  if (value.size() < kType.size() ||
      ngx_strncasecmp(reinterpret_cast<u_char*>(const_cast<char*>(value.data())),
                      reinterpret_cast<u_char*>(const_cast<char*>(kType.data())), kType.size()) != 0)
    return false;
  return value.size() == kType.size() || value[kType.size()] == '+' || value[kType.size()] == ';';
}

bool is_grpc(const ngx_http_request_t* r) {
  return r->http_version == NGX_HTTP_VERSION_20 && r->headers_in.content_type != nullptr &&
         grpc_content_type(to_view(r->headers_in.content_type->value));
}

GrpcStatus grpc_status(policy::Reason reason) {
  using policy::Reason;
  switch (reason) {
    case Reason::kInvalidCertificate:
    case Reason::kEmptyCertificate:
    case Reason::kManageableEmpty:
    case Reason::kUnknownEndpoint:
    case Reason::kRevoked:
      return GrpcStatus::kUnauthenticated;
    case Reason::kNoApiGateway:
      return GrpcStatus::kUnimplemented;
    case Reason::kNoRealServer:
    case Reason::kRealServerUnresolved:
      return GrpcStatus::kUnavailable;
    case Reason::kPathNotCanonical:
    case Reason::kHostMismatch:
      return GrpcStatus::kInvalidArgument;
    default:
      return GrpcStatus::kPermissionDenied;
  }
}

GrpcStatus grpc_status_of_http(unsigned status) {
  switch (status) {
    case 403:
      return GrpcStatus::kPermissionDenied;
    case 404:
    case 405:
      return GrpcStatus::kUnimplemented;
    case 408:
    case 504:
      return GrpcStatus::kDeadlineExceeded;
    case 413:
    case 414:
    case 431:
      return GrpcStatus::kResourceExhausted;
    case 502:
    case 503:
      return GrpcStatus::kUnavailable;
    default:
      return GrpcStatus::kInternal;
  }
}

std::string grpc_message(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const auto u = static_cast<unsigned char>(c);
    if (u < 0x20 || u > 0x7e || c == '%') {
      out += fmt::format("%{:02X}", u);
    } else {
      out += c;
    }
  }
  return out;
}

ngx_int_t send_grpc_status(ngx_http_request_t* r, GrpcStatus status, std::string_view message) {
  if (const auto rc = ngx_http_discard_request_body(r); rc != NGX_OK) return rc;
  if (!add_status(r, status, message)) return NGX_HTTP_INTERNAL_SERVER_ERROR;
  return send_status_alone(r);
}

void end_grpc_call(ngx_http_request_t* r, GrpcStatus status, std::string_view message) {
  if (r->stream == nullptr || r->stream->out_closed) return;
  if (!r->header_sent) {
    // Nothing of the application's has begun.
    ngx_http_clean_header(r);
    if (add_status(r, status, message)) send_status_alone(r);
    return;
  }
  // What waits in nginx for room in the stream's window is the application's: it is not sent any more.
  r->out = nullptr;
  r->connection->buffered = 0;
  if (ngx_list_init(&r->headers_out.trailers, r->pool, 2, sizeof(ngx_table_elt_t)) != NGX_OK) return;
  if (!add_trailer(r, "grpc-status", std::to_string(static_cast<unsigned>(status))) ||
      !add_trailer(r, "grpc-message", grpc_message(message)))
    return;
  r->expect_trailers = 1;
  ngx_http_send_special(r, NGX_HTTP_LAST);
}

}  // namespace postern::nginx
