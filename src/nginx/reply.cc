#include "nginx/reply.h"

namespace postern::nginx {

bool wants_html(ngx_http_request_t* r) {
  for (auto* part = &r->headers_in.headers.part; part != nullptr; part = part->next) {
    const auto* header = static_cast<ngx_table_elt_t*>(part->elts);
    for (ngx_uint_t i = 0; i < part->nelts; ++i) {
      if (header[i].lowcase_key == nullptr ||
          std::string_view(reinterpret_cast<char*>(header[i].lowcase_key), header[i].key.len) !=
              "accept") {
        continue;
      }
      const auto accept = to_view(header[i].value);
      if (accept.find("text/html") != std::string_view::npos) return true;
      if (accept.find("json") != std::string_view::npos) return false;
    }
  }
  return true;
}

bool add_header(ngx_http_request_t* r, std::string_view name, std::string_view value) {
  auto* header = static_cast<ngx_table_elt_t*>(ngx_list_push(&r->headers_out.headers));
  if (header == nullptr) return false;
  *header = {};
  header->hash = 1;
  header->key = to_pool(r->pool, name);
  header->value = to_pool(r->pool, value);
  return header->key.data != nullptr && header->value.data != nullptr;
}

ngx_int_t send(ngx_http_request_t* r, ngx_uint_t status, std::string_view type,
               const std::string& body) {
  if (const auto rc = ngx_http_discard_request_body(r); rc != NGX_OK) return rc;
  r->err_status = 0;  // Of what nginx refused itself: the page's own status counts.
  r->headers_out.status = status;
  r->headers_out.status_line = {};
  r->headers_out.content_type = to_pool(r->pool, type);
  r->headers_out.content_type_len = type.size();
  r->headers_out.content_type_lowcase = nullptr;
  r->headers_out.content_length_n = static_cast<off_t>(body.size());
  ngx_http_clear_accept_ranges(r);
  ngx_http_clear_last_modified(r);
  auto* buffer = ngx_create_temp_buf(r->pool, body.size());
  if (buffer == nullptr) return NGX_HTTP_INTERNAL_SERVER_ERROR;
  buffer->last = ngx_cpymem(buffer->pos, body.data(), body.size());
  buffer->last_buf = 1;
  buffer->last_in_chain = 1;
  const auto rc = ngx_http_send_header(r);
  if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) return rc;
  ngx_chain_t out{buffer, nullptr};
  return ngx_http_output_filter(r, &out);
}

}  // namespace postern::nginx
