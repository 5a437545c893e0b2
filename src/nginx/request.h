#pragma once
// What the module keeps with one request, from its first phase to its end.
#include <cstdint>
#include <string>

#include "nginx/ngx.h"
#include "nginx/session.h"
#include "nginx/worker.h"
#include "policy/decide.h"

namespace postern::nginx {

struct PoolUpstreams;

struct RequestState {
  enum class Stage : std::uint8_t { kNew, kWaiting, kAllowed, kDenied };

  Stage stage = Stage::kNew;
  bool check = false;  ///< The denial page asks whether the page would open now.
  Connection* connection = nullptr;
  Waiting waiting;
  LiveRequest live;
  policy::Decision decision;
  const PoolUpstreams* pool = nullptr;  ///< Of the decision; nullptr: it was not let through, or this worker doesn't know it.
  std::uint32_t proxy = 0;
  std::string_view host;  ///< In the request's pool.
  std::string_view path;
  WallTime started{};
  std::string failure_id;  ///< Told to the client when what was let through could not be served.
  bool no_real_server = false;  ///< None of its pool could be asked.
  std::string server_problem;  ///< Why it was not served, where more is known than a status says: for the log.
};

/// The state of this request (of its main request), or nullptr when the module never saw it.
/// Survives redirects inside nginx, which a module's own context does not.
RequestState* find_state(ngx_http_request_t* r);
/// Makes it if need be; nullptr when out of memory.
RequestState* state_of(ngx_http_request_t* r);

/// The method that the client asked with; nginx makes a GET of it when a page of its own takes an answer's place.
std::string_view method_of(const ngx_http_request_t* r);
/// What kind of session this request makes.
ecshm::SessionKind kind_of(ngx_http_request_t* r);
/// Any body, however it is told: a length, chunks, or HTTP/2's frames, which nginx counts as chunks.
bool has_body(const ngx_http_request_t* r);
bool wants_websocket(const ngx_http_request_t* r);

/// Access phase. `proxy` as configured.
ngx_int_t handle_access(ngx_http_request_t* r, std::uint32_t proxy);
/// Content of the page for requests that nginx refused before the access phase (495, 496, 421,
/// ...).
ngx_int_t handle_refused(ngx_http_request_t* r, std::uint32_t proxy);

/// Content of the page for what nginx can't serve.
ngx_int_t handle_failed(ngx_http_request_t* r);

/// Takes out what only a trusted proxy may say: identities, forwarding, rewritten URLs. NGX_OK or
/// NGX_ERROR.
ngx_int_t strip_untrusted_headers(ngx_http_request_t* r);
/// Would this header let a client speak for somebody else? `name` in lower case.
bool untrusted_header(std::string_view name);

/// Sends our denial page or JSON, reports the denial, and returns what nginx' phase expects of a
/// content handler.
ngx_int_t send_denial(ngx_http_request_t* r, RequestState& state, const policy::Decision& decision,
                      const std::string& detail);

}  // namespace postern::nginx
