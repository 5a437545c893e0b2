#include "gateway/api/api.h"

#include <boost/json.hpp>
#include <fmt/format.h>

#include "base/log.h"
#include "gateway/api/auth.h"
#include "gateway/api/call.h"
#include "gateway/api/cmdb.h"
#include "gateway/api/index.h"
#include "gateway/api/input.h"
#include "gateway/api/metrics.h"
#include "gateway/api/monitor/monitor.h"
#include "gateway/api/signin.h"
#include "gateway/config/secret.h"
#include "net/strict_json.h"

namespace postern::gateway {
namespace api {
namespace {

constexpr std::string_view kCmdb = "/api/v2/cmdb/";
constexpr std::string_view kMonitor = "/api/v2/monitor/";
constexpr std::string_view kMetrics = "/metrics";

/// The lists of what there is below each.
bool is_index(std::string_view path) {
  const auto is = [path](std::string_view root) { return path == root || path == root.substr(0, root.size() - 1); };
  return is(kCmdb) || is(kMonitor);
}

std::string take_query_token(net::HttpRequest& request) {
  const auto it = request.query.find("access_token");
  if (it == request.query.end()) return {};
  std::string token = std::move(it->second);
  request.query.erase(it);
  return token;
}

void unauthenticated(const CallPtr& call, std::string_view why) {
  call->add_header("WWW-Authenticate", "Bearer realm=\"postern-gateway\"");
  call->fail(401, ErrorNumber::kNone, why);
}

void answer_call(const CallPtr& call, const std::string& query_token) {
  auto& request = call->request;
  if (request.body.size() > kMaxBody) return call->fail(413, ErrorNumber::kNone, "the body is larger than 1 MiB");
  if (is_signin_address(request.path)) return serve_signin(call, query_token);
  const std::string_view path = request.path;
  const bool cmdb = path.starts_with(kCmdb);
  const bool metrics = path == kMetrics;
  if (!cmdb && !metrics && !path.starts_with(kMonitor) && !is_index(path)) {
    return call->fail(404, ErrorNumber::kNotFound,
                      "there is nothing at this address; the API is below /api/v2/cmdb and "
                      "/api/v2/monitor, and what a monitoring system reads is at /metrics");
  }
  // Who is refused is told of what, too.
  if (!is_index(path) && !metrics) {
    const auto rest = path.substr(cmdb ? kCmdb.size() : kMonitor.size());
    const auto slash = rest.find('/');
    call->path = rest.substr(0, slash);
    if (slash != rest.npos) call->name = rest.substr(slash + 1, cmdb ? rest.find('/', slash + 1) - slash - 1 : rest.npos);
  }
  auto who = authenticate(call->services, request, query_token);
  if (!who && who.error().code == ErrorCode::kPermissionDenied) {
    return call->fail(403, ErrorNumber::kNone, who.error().message);
  }
  if (!who) return unauthenticated(call, who.error().message);
  if (who->kind == Principal::Kind::kNobody) {
    return unauthenticated(call, "send an API token as Authorization: Bearer, or sign in at /api/v2/authentication");
  }
  call->who = std::move(*who);
  if (request.method != "GET") {
    if (auto ours = check_csrf(call->who, request); !ours)
      return call->fail(403, ErrorNumber::kNone, ours.error().message);
    if (call->who.read_only) {
      return call->fail(403, ErrorNumber::kNone,
                        fmt::format("{} may look, but not change anything (accprofile super_admin_readonly)",
                                    call->who.name),
                        {{"revision_changed", false}});
    }
  }
  if (const auto* vdom = call->query("vdom"); vdom != nullptr && *vdom != "root" && *vdom != "*") {
    return call->fail(404, ErrorNumber::kNotFound,
                      "there is no virtual domain " + shown(*vdom) + "; there is one: root");
  }
  if (!request.body.empty()) {
    if (auto plain = net::check_body_coding(request.headers); !plain) {
      return call->fail(415, ErrorNumber::kBadValue, plain.error().message);
    }
    if (auto type = net::check_json_type(request.headers); !type) {
      return call->fail(415, ErrorNumber::kBadValue, type.error().message);
    }
  }
  if (metrics) return serve_metrics(call);
  if (is_index(path)) return serve_index(call, path.starts_with(kCmdb.substr(0, kCmdb.size() - 1)));
  if (cmdb) return serve_cmdb(call);
  serve_monitor(call, path.substr(kMonitor.size()));
}

/// `log setting` may ask for a line at the level that is always kept. Nothing of the query or the body stands in it.
LogLevel level_of(const config::ConfigTree& tree, const std::string& method) {
  const bool asked = tree.single("log setting").enabled(method == "GET" ? "rest-api-get" : "rest-api-set");
  return asked ? LogLevel::kInfo : LogLevel::kDebug;
}

void secure(net::HttpHeaders& headers) {
  headers.add("Cache-Control", "no-store");
  headers.add("X-Content-Type-Options", "nosniff");
  headers.add("X-Frame-Options", "DENY");
  headers.add("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'");
  headers.add("Strict-Transport-Security", "max-age=31536000");
  headers.add("Referrer-Policy", "no-referrer");
}

}  // namespace

Services::Services(config::ConfigStore& s, cli::GatewayOperations& o, const Clock& c, Random& r)
    : store(s),
      operations(o),
      clock(c),
      random(r),
      serial(o.system_status().serial),
      decoy_hash(config::decoy_password_hash(r)) {}

}  // namespace api

struct Api::State : api::Services {
  using api::Services::Services;
};

Api::Api(config::ConfigStore& store, cli::GatewayOperations& operations, const Clock& clock, Random& random)
    : state_(std::make_shared<State>(store, operations, clock, random)) {}
Api::~Api() = default;

net::HttpResponse Api::refuse(int status, const Error& error) {
  net::HttpResponse answer;
  const auto take = [&](net::HttpResponse response) { answer = std::move(response); };
  api::Call(state_, {}, take).fail(status, api::ErrorNumber::kBadValue, error.message);
  api::secure(answer.headers);
  return answer;
}

void Api::handle(net::HttpRequest request, net::HttpResponder respond) {
  // Out of the request before anything else sees it, and with that out of every log.
  const std::string token = api::take_query_token(request);
  const std::string method = request.method, path = request.path, address = request.peer.remote_ip.str();
  const auto asking = std::make_shared<std::weak_ptr<api::Call>>();  // who it is turns out on the way
  auto secured = [respond = std::move(respond), method, path, address, asking,
                  state = state_](net::HttpResponse response) {
    api::secure(response.headers);
    const auto call = asking->lock();
    log(api::level_of(*state->store.current(), method), "api.request", "answered",
        {{"by", call ? call->who.name : std::string()},
         {"address", address},
         {"method", method},
         {"path", path},
         {"status", std::to_string(response.status)}});
    respond(std::move(response));
  };
  const auto call = std::make_shared<api::Call>(state_, std::move(request), std::move(secured));
  *asking = call;
  try {
    api::answer_call(call, token);
  } catch (const std::exception& e) {
    log_error("api.failed", e.what(), {{"path", path}});
    call->fail(500, api::ErrorNumber::kNone, "the request failed; the gateway's log says more");
  }
}

}  // namespace postern::gateway
