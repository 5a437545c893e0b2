#pragma once
// Answers of our own: a page for people or JSON for programs.
#include <string>
#include <string_view>

#include "nginx/ngx.h"

namespace postern::nginx {

/// Browsers say that they take HTML; programs say JSON, or don't care.
bool wants_html(ngx_http_request_t* r);
/// False: out of memory.
bool add_header(ngx_http_request_t* r, std::string_view name, std::string_view value);
/// Discards the request's body and answers. Returns what nginx' phase expects of a content handler.
ngx_int_t send(ngx_http_request_t* r, ngx_uint_t status, std::string_view type, const std::string& body);

}  // namespace postern::nginx
