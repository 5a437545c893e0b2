#pragma once
// Calls by gRPC: how they are known, and how a client of theirs is told that one is refused or ended.
#include <string>
#include <string_view>

#include "nginx/ngx.h"
#include "policy/reason.h"

namespace postern::nginx {

/// By HTTP/2 and content type ("application/grpc", "application/grpc+proto"; not "application/grpc-web", which is plain
/// HTTP).
bool is_grpc(const ngx_http_request_t* r);
bool grpc_content_type(std::string_view value);

/// Numbers of gRPC's status codes.
enum class GrpcStatus : unsigned {
  kInvalidArgument = 3,
  kDeadlineExceeded = 4,
  kPermissionDenied = 7,
  kResourceExhausted = 8,
  kUnimplemented = 12,
  kInternal = 13,
  kUnavailable = 14,
  kUnauthenticated = 16,
};
GrpcStatus grpc_status(policy::Reason reason);
/// Of an HTTP status that nginx answers by itself.
GrpcStatus grpc_status_of_http(unsigned status);

/// As the header grpc-message wants it: printable ASCII, everything else and '%' as %XX.
std::string grpc_message(std::string_view text);

/// The whole answer: a status and nothing else ("Trailers-Only"). As a content handler returns.
ngx_int_t send_grpc_status(ngx_http_request_t* r, GrpcStatus status, std::string_view message);

/// Tells the client of a call that is about to be ended why it ends: the last frame of its stream, after whatever part of
/// another frame is on its way already. The request is still to be terminated.
void end_grpc_call(ngx_http_request_t* r, GrpcStatus status, std::string_view message);

}  // namespace postern::nginx
