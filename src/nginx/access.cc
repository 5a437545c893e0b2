#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <algorithm>
#include <new>
#include <string>

#include "nginx/leaving.h"
#include "nginx/main_conf.h"
#include "nginx/pools.h"
#include "nginx/request.h"
#include "policy/forward_target.h"
#include "policy/path.h"

namespace postern::nginx {
namespace {

constexpr std::string_view kCheckPath = "/.postern/check";

/// A request that was let through has ended. (nginx' log phase comes after the cleanups, when we
/// know nothing any more.)
void report_end(const RequestState& state) {
  if (state.stage != RequestState::Stage::kAllowed || state.check || state.live.cut) return;
  if (!state.decision.log && state.failure_id.empty()) return;
  const auto* r = state.waiting.request;
  const auto& connection = *state.connection;
  ecshm::EventView event;
  event.type = ecshm::EventType::kAllowed;
  event.id = state.failure_id;
  event.time = Worker::turn_began();
  if (connection.certificate == policy::Certificate::kVerified) event.leaf = connection.leaf;
  event.proxy = state.proxy;
  event.policy = state.decision.policy;
  event.api_gateway = state.decision.api_gateway;
  event.pool = state.decision.pool;
  event.status = static_cast<std::uint32_t>(r->headers_out.status);
  event.source = connection.source;
  event.source_port = connection.source_port;
  event.interface = connection.interface.text();
  event.kind = state.live.kind;
  event.bytes = static_cast<std::uint64_t>(r->connection->sent);
  event.duration_ms = milliseconds_between(state.started, event.time);
  event.method = method_of(r);
  event.host = state.host;
  event.path = state.path;
  std::string both;  // Of what is forwarded in two lines.
  event.detail = state.live.destination;
  if (!state.failure_id.empty() && !state.server_problem.empty()) {
    event.detail = state.server_problem;
    if (!state.live.destination.empty()) event.detail = both = std::string(state.live.destination) + "\n" + state.server_problem;
  }
  if (!state.failure_id.empty() && state.no_real_server) event.reason = policy::Reason::kNoRealServer;
  worker().report(event);
}

void forget_request(void* data) {
  auto* state = static_cast<RequestState*>(data);
  // Its client was told, and its application has ended it before its turn came.
  if (state->live.lost && !state->live.cut) worker().report_lost(state->live);
  report_end(*state);
  state->~RequestState();
}

std::string_view raw_path(const ngx_http_request_t* r) {
  auto raw = to_view(r->unparsed_uri);
  return raw.substr(0, raw.find('?'));
}

std::string_view without_dot(std::string_view host) {
  return host.ends_with('.') ? host.substr(0, host.size() - 1) : host;
}

bool same_host(std::string_view a, std::string_view b) {
  a = without_dot(a);
  b = without_dot(b);
  if (a == b) return true;
  return a.size() == b.size() && ngx_strncasecmp(reinterpret_cast<u_char*>(const_cast<char*>(a.data())),
                                                 reinterpret_cast<u_char*>(const_cast<char*>(b.data())),
                                                 a.size()) == 0;
}

/// A Host header without its port; empty when what stands for a port is none.
std::string_view host_name(std::string_view header) {
  const auto name_end = header.starts_with('[') ? header.find(']') : header.find(':');
  if (name_end == header.npos) return header;
  const auto end = name_end + (header.starts_with('[') ? 1 : 0);
  const auto port = header.substr(end);
  if (port.empty()) return header;
  const bool digits = port.front() == ':' &&
                      port.find_first_not_of("0123456789", 1) == port.npos;
  return digits ? header.substr(0, end) : std::string_view();
}

/// Does a server's name have one reading? nginx takes nearly all bytes; an application that makes a URL of "a@b", "a?b" or
/// "a%2eb" finds another server in it. None at all is one: there is nothing to read.
bool canonical_host(std::string_view name) {
  return name.size() <= 255 && std::all_of(name.begin(), name.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
                  c == '_' || c == ':' || c == '[' || c == ']';
         });
}

/// Is the server that nginx, and so the decision, takes the request for another one than the Host header that the
/// application will read (a request line may name a server, too), or than the handshake named? A client without SNI
/// named none there.
bool host_differs(ngx_http_request_t* r, const Connection& connection) {
  const auto server = to_view(r->headers_in.server);
  if (r->headers_in.host != nullptr && !same_host(host_name(to_view(r->headers_in.host->value)), server)) return true;
  return connection.server_name.data() != nullptr && !same_host(connection.server_name, server);
}

/// Phones and tablets can't run the agent; that is all a User-Agent is believed.
bool manageable(const ngx_http_request_t* r) {
  if (r->headers_in.user_agent == nullptr) return true;
  const auto agent = to_view(r->headers_in.user_agent->value);
  for (const std::string_view name : {"Android", "iPhone", "iPad", "iPod"}) {
    if (agent.find(name) != std::string_view::npos) return false;
  }
  return true;
}

std::string verify_detail(const Connection& connection) {
  if (connection.certificate != policy::Certificate::kInvalid) return {};
  return X509_verify_cert_error_string(connection.verify_error);
}

/// nginx refuses a certificate that doesn't verify before we are asked. Where everybody may enter
/// without one, nobody is refused for the one they show: such a request goes back to where it was
/// going. (A POST can't: nginx has made a GET of it.)
bool open_anyway(ngx_http_request_t* r, RequestState& state) {
  const auto raw = raw_path(r);
  if (state.path.empty() || !policy::canonical_path(raw) || !canonical_host(state.host) || host_differs(r, *state.connection)) return false;
  const auto method = method_of(r);
  if (method != "GET" && method != "HEAD") return false;
  const auto now = worker().now();
  return worker().judge(*state.connection, state.proxy, state.host, state.path, false, now).allow;
}

ngx_int_t go_back(ngx_http_request_t* r, RequestState& state) {
  state.stage = RequestState::Stage::kNew;
  r->err_status = 0;
  r->error_page = 0;
  ngx_str_t path = to_pool(r->pool, state.path), args = ngx_null_string;
  const auto raw = to_view(r->unparsed_uri);
  if (const auto query = raw.find('?'); query != std::string_view::npos)
    args = to_pool(r->pool, raw.substr(query + 1));
  return ngx_http_internal_redirect(r, &path, &args);
}

/// `/.postern/check?path=%2Freports`: would that page open? What it says the client could find out
/// by asking for it. Decodes a path that is canonical; empty when out of memory.
std::string_view decode(ngx_http_request_t* r, std::string_view raw) {
  auto* out = static_cast<u_char*>(ngx_pnalloc(r->pool, raw.size()));
  if (out == nullptr) return {};
  auto* from = reinterpret_cast<u_char*>(const_cast<char*>(raw.data()));
  auto* to = out;
  ngx_unescape_uri(&to, &from, raw.size(), 0);
  return {reinterpret_cast<char*>(out), static_cast<std::size_t>(to - out)};
}

bool take_check_path(ngx_http_request_t* r, RequestState& state) {
  ngx_str_t name = ngx_string("path"), raw;
  if (ngx_http_arg(r, name.data, name.len, &raw) != NGX_OK || raw.len == 0) return false;
  const auto spelled = decode(r, to_view(raw));
  if (!policy::canonical_path(spelled)) return false;
  state.path = decode(r, spelled);
  return true;
}

ngx_int_t finish(ngx_http_request_t* r, ngx_int_t rc) {
  ngx_http_finalize_request(r, rc);
  return NGX_DONE;
}

ngx_int_t answer_check(ngx_http_request_t* r, bool allowed) {
  r->headers_out.status = allowed ? NGX_HTTP_NO_CONTENT : NGX_HTTP_FORBIDDEN;
  r->headers_out.content_length_n = 0;
  r->header_only = 1;
  if (const auto rc = ngx_http_discard_request_body(r); rc != NGX_OK) return rc;
  return ngx_http_send_header(r);
}

ngx_int_t refuse(ngx_http_request_t* r, RequestState& state, const policy::Decision& decision) {
  state.stage = RequestState::Stage::kDenied;
  if (state.check) return finish(r, answer_check(r, false));
  return finish(r, send_denial(r, state, decision, verify_detail(*state.connection)));
}

ngx_int_t refuse(ngx_http_request_t* r, RequestState& state, policy::Reason reason) {
  policy::Decision decision;
  decision.reason = reason;
  return refuse(r, state, decision);
}

/// What is asked for, read once. kNone when it can be judged.
policy::Reason read_request(ngx_http_request_t* r, RequestState& state) {
  const auto host = to_pool(r->pool, to_view(r->headers_in.server));
  state.host = to_view(host);
  if (!canonical_host(state.host) || host_differs(r, *state.connection)) return policy::Reason::kHostMismatch;
  if (!policy::canonical_path(raw_path(r))) return policy::Reason::kPathNotCanonical;
  const auto path = to_pool(r->pool, to_view(r->uri));
  state.path = to_view(path);
  if (state.path == kCheckPath) {
    state.check = true;
    if (!take_check_path(r, state)) return policy::Reason::kPathNotCanonical;
  }
  return policy::Reason::kNone;
}

/// Of a request that is forwarded: where to, as the forwarder will read it. False: it does not say it in the one way.
bool note_destination(ngx_http_request_t* r, RequestState& state) {
  const auto target = policy::forward_target(to_view(r->args));
  if (!target) return false;
  state.live.destination = to_view(to_pool(r->pool, target->text()));
  if (wants_websocket(r)) state.live.kind = ecshm::SessionKind::kTcpForwarding;
  return true;
}

}  // namespace

std::string_view method_of(const ngx_http_request_t* r) {
  const auto line = to_view(r->request_line);
  const auto end = line.find(' ');
  return end == line.npos ? to_view(r->method_name) : line.substr(0, end);
}

RequestState* find_state(ngx_http_request_t* r) {
  for (auto* cleanup = r->main->cleanup; cleanup != nullptr; cleanup = cleanup->next) {
    if (cleanup->handler == forget_request) return static_cast<RequestState*>(cleanup->data);
  }
  return nullptr;
}

RequestState* state_of(ngx_http_request_t* r) {
  if (auto* found = find_state(r)) return found;
  auto* connection = connection_of(r);
  if (connection == nullptr) return nullptr;
  auto* cleanup = ngx_http_cleanup_add(r->main, sizeof(RequestState));
  if (cleanup == nullptr) return nullptr;
  auto* state = new (cleanup->data) RequestState;
  cleanup->handler = forget_request;
  state->connection = connection;
  state->waiting.request = r;
  state->started = Worker::turn_began();
  return state;
}

ngx_int_t handle_access(ngx_http_request_t* r, std::uint32_t proxy) {
  if (!worker().running()) return NGX_HTTP_INTERNAL_SERVER_ERROR;
  auto* state = state_of(r);
  if (state == nullptr) return NGX_HTTP_INTERNAL_SERVER_ERROR;
  tell_to_go(r);
  using Stage = RequestState::Stage;
  if (state->stage == Stage::kAllowed || state->stage == Stage::kDenied) return NGX_DECLINED;
  if (state->stage == Stage::kWaiting && !state->waiting.answered) return NGX_AGAIN;
  if (state->stage == Stage::kNew) {
    state->proxy = proxy;
    if (const auto problem = read_request(r, *state); problem != policy::Reason::kNone) {
      return refuse(r, *state, problem);
    }
  }

  const auto now = worker().now();
  auto& connection = *state->connection;
  state->live.manageable = manageable(r);
  const auto decision = worker().judge(connection, state->proxy, state->host, state->path,
                                       state->live.manageable, now);
  if (!decision.allow) {
    if (decision.reason == policy::Reason::kUnknownEndpoint && state->stage == Stage::kNew &&
        worker().worth_asking(connection, now) && worker().ask(state->waiting, connection.leaf)) {
      state->stage = Stage::kWaiting;
      return NGX_AGAIN;
    }
    return refuse(r, *state, decision);
  }
  if (state->check) {
    state->stage = Stage::kAllowed;
    return finish(r, answer_check(r, true));
  }
  state->pool = find_upstreams(r, decision.pool);
  if (state->pool == nullptr && ngx_exiting && r->stream != nullptr) return send_elsewhere(r);
  state->decision = decision;
  state->stage = Stage::kAllowed;
  if (state->pool == nullptr) {
    // One that has not heard of the new configuration yet: in a moment it has.
    state->live.kind = kind_of(r);
    state->server_problem = "this worker of nginx is still by the configuration of before";
    return NGX_HTTP_SERVICE_UNAVAILABLE;
  }
  if (strip_untrusted_headers(r) != NGX_OK) return NGX_HTTP_INTERNAL_SERVER_ERROR;
  state->live.request = r;
  state->live.connection = &connection;
  state->live.proxy = state->proxy;
  state->live.host = state->host;
  state->live.path = state->path;
  state->live.decision = decision;
  state->live.kind = kind_of(r);
  if (forwards_tcp(r, state->decision.pool) && !note_destination(r, *state)) return NGX_HTTP_BAD_REQUEST;
  state->live.started = state->started;
  worker().live(state->live);
  return NGX_DECLINED;
}

ngx_int_t handle_refused(ngx_http_request_t* r, std::uint32_t proxy) {
  if (!worker().running()) return NGX_HTTP_INTERNAL_SERVER_ERROR;
  auto* state = state_of(r);
  if (state == nullptr) return NGX_HTTP_INTERNAL_SERVER_ERROR;
  state->stage = RequestState::Stage::kDenied;
  state->proxy = proxy;
  if (state->host.empty()) state->host = to_view(to_pool(r->pool, to_view(r->headers_in.server)));
  if (state->path.empty()) state->path = decode(r, raw_path(r));
  if (open_anyway(r, *state)) return go_back(r, *state);
  policy::Decision decision;
  decision.reason = policy::Reason::kInvalidCertificate;
  if (r->err_status == NGX_HTTP_MISDIRECTED_REQUEST || host_differs(r, *state->connection)) {
    decision.reason = policy::Reason::kHostMismatch;
  } else if (state->connection->certificate == policy::Certificate::kNone) {
    decision.reason = policy::Reason::kEmptyCertificate;
  }
  return send_denial(r, *state, decision, verify_detail(*state->connection));
}

}  // namespace postern::nginx
