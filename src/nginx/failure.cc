// What nginx can't serve is answered by a plain page of ours.
#include "base/random.h"
#include "nginx/denial_id.h"
#include "nginx/failure_page.h"
#include "nginx/grpc.h"
#include "nginx/page_look.h"
#include "nginx/reply.h"
#include "nginx/request.h"

namespace postern::nginx {

ngx_int_t handle_failed(ngx_http_request_t* r) {
  FailurePage page;
  page.status = r->err_status >= 400 ? static_cast<unsigned>(r->err_status) : NGX_HTTP_NOT_FOUND;
  page.plain_http = page.status == NGX_HTTP_BAD_REQUEST && socket_of(r)->ssl == nullptr;
  bool no_server = false;
  auto* state = find_state(r);
  if (state != nullptr && state->stage == RequestState::Stage::kAllowed) {
    if (state->failure_id.empty()) state->failure_id = new_denial_id();
    page.id = state->failure_id;
    no_server = state->no_real_server;
  }
  if (is_grpc(r)) {
    return send_grpc_status(r, grpc_status_of_http(page.status),
                            page.id.empty() ? "Postern could not pass this call on"
                                            : "Postern could not pass this call on; reference " + page.id);
  }
  const bool html = wants_html(r);
  if (html) {
    page.host = std::string(to_view(r->headers_in.server));
    page.can_check = page.status >= 502 && page.status <= 504 && (method_of(r) == "GET" || method_of(r) == "HEAD");
    SystemRandom random;
    page.nonce = random.hex(16);
  }
  if (!add_header(r, "Cache-Control", "no-store") || !add_header(r, "X-Content-Type-Options", "nosniff") ||
      !add_header(r, "Referrer-Policy", "no-referrer") ||
      (html && !add_header(r, "Content-Security-Policy", page_policy(page.nonce))) ||
      (!page.id.empty() && !add_header(r, "X-Postern-Reference", page.id)) ||
      (no_server &&
       !add_header(r, "X-Postern-Reason", std::string(policy::reason_code(policy::Reason::kNoRealServer))))) {
    return NGX_HTTP_INTERNAL_SERVER_ERROR;
  }
  return html ? send(r, page.status, "text/html; charset=utf-8", failure_html(page))
              : send(r, page.status, "application/json", failure_json(page));
}

}  // namespace postern::nginx
