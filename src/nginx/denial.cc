// The page that somebody sees who was refused: a task, not an error.
#include <fmt/format.h>

#include <string>
#include <vector>

#include "base/log.h"
#include "base/random.h"
#include "nginx/denial_id.h"
#include "nginx/denial_page.h"
#include "nginx/grpc.h"
#include "nginx/page_look.h"
#include "nginx/reply.h"
#include "nginx/request.h"

namespace postern::nginx {
namespace {

ngx_uint_t status_of(policy::Reason reason) {
  switch (reason) {
    case policy::Reason::kNoApiGateway:
      return NGX_HTTP_NOT_FOUND;
    case policy::Reason::kNoRealServer:
    case policy::Reason::kRealServerUnresolved:
      return NGX_HTTP_SERVICE_UNAVAILABLE;
    case policy::Reason::kPathNotCanonical:
      return NGX_HTTP_BAD_REQUEST;
    case policy::Reason::kHostMismatch:
      return NGX_HTTP_MISDIRECTED_REQUEST;
    default:
      return NGX_HTTP_FORBIDDEN;
  }
}

/// What the tags in question say to the user. Nothing of them is told to somebody whose certificate
/// did not verify.
std::vector<std::string> messages_of(const RequestState& state, const policy::Decision& decision) {
  std::vector<std::string> out;
  if (state.connection->certificate != policy::Certificate::kVerified) return out;
  const auto& view = worker().reader().policies();
  for (std::uint32_t bit = 0; bit < policy::kTagBits; ++bit) {
    if (!decision.tags.test(bit)) continue;
    const auto* tag = view.tag(bit);
    if (tag != nullptr && tag->message.size > 0) out.emplace_back(view.text(tag->message));
  }
  return out;
}

}  // namespace

ngx_int_t send_denial(ngx_http_request_t* r, RequestState& state, const policy::Decision& decision,
                      const std::string& detail) {
  DenialPage page;
  page.id = new_denial_id();
  page.reason = decision.reason;
  page.host = std::string(state.host);
  page.messages = messages_of(state, decision);
  page.time = worker().now().wall;
  page.can_check = decision.reason != policy::Reason::kPathNotCanonical &&
                   decision.reason != policy::Reason::kHostMismatch && r->method == NGX_HTTP_GET;
  SystemRandom random;
  page.nonce = random.hex(16);
  const auto status = status_of(decision.reason);

  ecshm::EventView event;
  event.type = ecshm::EventType::kDenied;
  event.reason = decision.reason;
  event.time = page.time;
  if (state.connection->certificate == policy::Certificate::kVerified)
    event.leaf = state.connection->leaf;
  event.proxy = state.proxy;
  event.policy = decision.policy;
  event.api_gateway = decision.api_gateway;
  event.status = static_cast<std::uint32_t>(status);
  event.source = state.connection->source;
  event.source_port = state.connection->source_port;
  event.interface = state.connection->interface.text();
  event.id = page.id;
  event.method = method_of(r);
  event.host = page.host;
  event.path = to_view(r->unparsed_uri).substr(0, to_view(r->unparsed_uri).find('?'));
  event.detail = detail;
  event.kind = kind_of(r);
  event.tags = decision.tags;
  worker().report(event);
  const std::string code(policy::reason_code(decision.reason));
  ngx_log_error(NGX_LOG_INFO, r->connection->log, 0, "postern: denied %s, reason %s, policy %uD %s",
                page.id.c_str(), code.c_str(), static_cast<uint32_t>(decision.policy),
                detail.c_str());

  if (is_grpc(r)) {
    if (!add_header(r, "X-Postern-Denial", page.id) || !add_header(r, "X-Postern-Reason", code))
      return NGX_HTTP_INTERNAL_SERVER_ERROR;
    const auto user = policy::reason_user_text(decision.reason);
    return send_grpc_status(r, grpc_status(decision.reason),
                            fmt::format("Postern refused this call: {}. {} Denial id {}", user.title, user.advice, page.id));
  }
  const bool html = wants_html(r);
  if (!add_header(r, "Cache-Control", "no-store") || !add_header(r, "X-Postern-Denial", page.id) ||
      !add_header(r, "X-Postern-Reason", code) ||
      !add_header(r, "X-Content-Type-Options", "nosniff") ||
      !add_header(r, "Referrer-Policy", "no-referrer")) {
    return NGX_HTTP_INTERNAL_SERVER_ERROR;
  }
  if (html &&
      !add_header(r, "Content-Security-Policy", page_policy(page.nonce))) {
    return NGX_HTTP_INTERNAL_SERVER_ERROR;
  }
  return html ? send(r, status, "text/html; charset=utf-8", denial_html(page))
              : send(r, status, "application/json", denial_json(page));
}

}  // namespace postern::nginx
