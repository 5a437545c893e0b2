#include "ems/api/api.h"

#include <boost/json.hpp>

#include "base/log.h"
#include "base/text.h"
#include "ems/api/auth.h"
#include "ems/api/call.h"
#include "ems/api/input.h"
#include "ems/api/openapi.h"
#include "ems/api/pages/html.h"
#include "ems/api/password.h"
#include "ems/api/resources/resources.h"
#include "ems/api/services.h"
#include "net/strict_json.h"

namespace postern::ems {
namespace api {
namespace {

net::HttpResponse secured(net::HttpResponse response) {
  add_security_headers(response.headers);
  if (response.headers.find("Cache-Control") == nullptr) response.headers.add("Cache-Control", "no-store");
  return response;
}

bool changes_something(const std::string& method) { return method != "GET"; }

std::string allow_header(const std::vector<std::string>& methods) { return join(methods, ", "); }

/// What the client sent is as the route describes it.
Status read_input(Call& call, const Route& route) {
  if (Status ok = check_query(route.query, call.request.query); !ok) return ok;
  switch (route.body_kind) {
    case BodyKind::kNone: {
      auto none = read_fields({}, call.request.body);
      if (!none) return fail(none.error());
      return {};
    }
    case BodyKind::kFields: {
      auto fields = read_fields(route.body, call.request.body);
      if (!fields) return fail(fields.error());
      call.body = std::move(*fields);
      return {};
    }
    case BodyKind::kForm: {
      auto form = read_form(route.body, call.request.body);
      if (!form) return fail(form.error());
      call.form = std::move(*form);
      return {};
    }
    case BodyKind::kJson:
    case BodyKind::kBytes: return {};
  }
  return {};
}

/// A form shows its CSRF token in a field, everything else in a header.
std::string shown_csrf_token(const Call& call, const Route& route) {
  if (route.body_kind == BodyKind::kForm) {
    auto it = call.form.find("csrf_token");
    return it == call.form.end() ? std::string() : it->second;
  }
  const std::string* header = call.request.headers.find("X-CSRF-Token");
  return header == nullptr ? std::string() : *header;
}

void dispatch(const CallPtr& call) {
  const net::HttpRequest& request = call->request;
  Router::Match match = call->services.router.match(request.method, request.path);
  if (match.route == nullptr) {
    if (match.allowed.empty()) {
      return call->fail({ErrorCode::kNotFound, "there is nothing at this address; /api/v1/openapi.json lists what is"});
    }
    call->add_header("Allow", allow_header(match.allowed));
    return call->fail(405, {ErrorCode::kUnsupported, "this address takes " + allow_header(match.allowed)});
  }
  const Route& route = *match.route;
  call->params = std::move(match.params);
  for (const auto& [name, value] : call->params) {
    if (!clean_text(value)) return call->fail({ErrorCode::kInvalidArgument, "the address holds control characters"});
  }

  Result<Principal> who = authenticate(call->services, request);
  // Pages and sign-in are for everybody: credentials that have run out must not lock their owner out of them.
  if (!who && route.role != Role::kAnyone) {
    call->add_header("WWW-Authenticate", "Bearer realm=\"postern-ems\"");
    return call->fail(who.error());
  }
  if (who) call->who = std::move(*who);
  if (!call->who.may(route.role)) {
    if (call->who.kind == Principal::Kind::kNobody) {
      call->add_header("WWW-Authenticate", "Bearer realm=\"postern-ems\"");
      return call->fail({ErrorCode::kUnauthenticated, "sign in, or send an API token as Authorization: Bearer"});
    }
    return call->fail({ErrorCode::kPermissionDenied, "this needs the role admin, and " + call->who.whose_role() + " is readonly"});
  }
  if (route.session_only && call->who.kind == Principal::Kind::kToken) {
    return call->fail(
        {ErrorCode::kPermissionDenied,
         "an API token can't do this; sign in with a password (POST /api/v1/auth/signin) and send the request "
         "in that session"});
  }
  if (call->who.must_change_password && route.role != Role::kAnyone && !request.path.starts_with("/api/v1/auth/")) {
    return call->fail({ErrorCode::kPermissionDenied,
                       "your password has to be changed first: POST /api/v1/auth/password"});
  }
  if (request.body.size() > route.max_body) {
    return call->fail(413, {ErrorCode::kResourceExhausted,
                            "the body is larger than the " + std::to_string(route.max_body) + " bytes taken here"});
  }
  const bool guarded = changes_something(request.method) && call->who.kind != Principal::Kind::kToken;
  if (guarded) {
    if (Status ok = check_same_origin(request); !ok) return call->fail(ok.error());
  }
  // A token in a header is looked at before the body is; a form has it in its body.
  const auto check_token = [&](bool form) -> Status {
    if (!guarded || route.role == Role::kAnyone || (route.body_kind == BodyKind::kForm) != form) return {};
    return check_csrf(call->who, shown_csrf_token(*call, route));
  };
  if (Status ok = check_token(false); !ok) return call->fail(ok.error());
  if (!request.body.empty()) {
    if (Status ok = net::check_body_coding(request.headers); !ok) return call->fail(415, ok.error());
  }
  const bool json = route.body_kind != BodyKind::kBytes && route.body_kind != BodyKind::kForm;
  if (json && !request.body.empty()) {
    if (Status ok = net::check_json_type(request.headers); !ok) return call->fail(415, ok.error());
  }
  if (Status ok = read_input(*call, route); !ok) return call->fail(ok.error());
  if (Status ok = check_token(true); !ok) return call->fail(ok.error());
  if (!changes_something(request.method)) call->services.hooks.commit();
  route.handler(call);
}

}  // namespace

Services::Services(EmsCore& c, const Clock& k, Random& r, ApiHooks h)
    : core(c),
      clock(k),
      random(r),
      hooks(std::move(h)),
      router(all_resources()),
      openapi(openapi_document(router.resources(), POSTERN_VERSION)),
      signins(20, Seconds(3), 10'000),
      decoy_hash(decoy_password_hash(r)) {}

}  // namespace api

struct Api::State : api::Services {
  using api::Services::Services;
};

Api::Api(EmsCore& core, const Clock& clock, Random& random, ApiHooks hooks)
    : state_(std::make_shared<State>(core, clock, random, std::move(hooks))) {}

Api::~Api() = default;

net::HttpResponse Api::refuse(int status, const Error& error) {
  net::HttpRequest nothing;
  nothing.path = "/api/";  // of a page's visitor and a program's request alike nothing more is known
  net::HttpResponse answer;
  const auto take = [&](net::HttpResponse response) { answer = api::secured(std::move(response)); };
  api::Call(state_, std::move(nothing), take, to_lower(state_->random.hex(8))).fail(status, error);
  return answer;
}

void Api::handle(net::HttpRequest request, net::HttpResponder respond) {
  std::string id = to_lower(state_->random.hex(8));
  auto secured = [respond = std::move(respond)](net::HttpResponse response) {
    respond(api::secured(std::move(response)));
  };
  auto call = std::make_shared<api::Call>(state_, std::move(request), std::move(secured), std::move(id));
  try {
    api::dispatch(call);
  } catch (const std::exception& e) {
    log_error("api.failed", e.what(), {{"request_id", call->request_id}, {"path", call->request.path}});
    call->fail({ErrorCode::kInternal, "the request failed; the log says more under this request id"});
  }
}

}  // namespace postern::ems
