// /api/v1/auth: signing in and out, and one's own password.
#include "ems/api/handling.h"
#include "ems/api/own_password.h"
#include "ems/api/password.h"
#include "ems/api/resources/resources.h"
#include "ems/api/services.h"
#include "ems/api/sign_in.h"

namespace postern::ems::api {
namespace {

namespace json = boost::json;

json::object session_json(const Principal& who) {
  json::object out{{"user", who.user},
                   {"role", who.role == Role::kAdmin ? "admin" : "readonly"},
                   {"must_change_password", who.must_change_password}};
  out["csrf_token"] = who.csrf_token.empty() ? json::value(nullptr) : json::value(who.csrf_token);
  return out;
}

void sign_in_by_json(const CallPtr& call) {
  sign_in(call, *call->text("name"), *call->text("password"), [call](Result<SignedIn> signed_in) {
    if (!signed_in) return call->fail(sign_in_status(signed_in.error()), signed_in.error());
    call->add_header("Set-Cookie", Sessions::cookie(signed_in->secret));
    call->reply(200, session_json(signed_in->who));
  });
}

void session(const CallPtr& call) { call->reply(200, session_json(call->who)); }

void sign_out(const CallPtr& call) {
  call->services.sessions.close(call->who.session_key);
  call->services.core.note(now_of(call), actor_of(call), "signout", call->who.user, "");
  call->add_header("Set-Cookie", Sessions::expired_cookie());
  call->reply_empty();
}

void put_password(const CallPtr& call) {
  change_own_password(call, *call->text("old_password"), *call->text("new_password"), [call](Status done, int status) {
    if (!done) return call->fail(status, done.error());
    call->reply_empty();
  });
}

}  // namespace

Resource auth_resource() {
  return {
      .name = "auth",
      .description = "Signing in, and one's own password",
      .routes =
          {{.method = "POST",
            .path = "/api/v1/auth/signin",
            .role = Role::kAnyone,
            .handler = sign_in_by_json,
            .summary = "Sign in: sets the session's cookie",
            .body_kind = BodyKind::kFields,
            .body = {{.name = "name", .required = true, .min = 1, .max = 63},
                     {.name = "password", .required = true, .min = 1, .max = static_cast<std::int64_t>(kMaxPassword)}},
            .result = "Session"},
           {.method = "GET",
            .path = "/api/v1/auth/session",
            .role = Role::kReadonly,
            .handler = session,
            .summary = "Who this request comes from",
            .result = "Session"},
           {.method = "POST",
            .path = "/api/v1/auth/signout",
            .role = Role::kReadonly,
            .session_only = true,
            .handler = sign_out,
            .summary = "End this session",
            .success = 204},
           {.method = "POST",
            .path = "/api/v1/auth/password",
            .role = Role::kReadonly,
            .session_only = true,
            .handler = put_password,
            .summary = "Change one's own password; the user's other sessions end, and the API tokens when it had to be "
                       "changed",
            .body_kind = BodyKind::kFields,
            .body =
                {{.name = "old_password", .required = true, .min = 1, .max = static_cast<std::int64_t>(kMaxPassword)},
                 {.name = "new_password",
                  .description = "12 to 256 bytes, without the user's name in it",
                  .required = true,
                  .min = 1,
                  .max = 4096}},
            .success = 204}},
      .schemas = R"({"Session": {"type": "object",
            "required": ["user", "role", "must_change_password", "csrf_token"], "properties": {
              "user": {"type": "string"},
              "role": {"type": "string", "enum": ["admin", "readonly"]},
              "must_change_password": {"type": "boolean",
                "description": "While true, everything but auth/ is refused to sessions"},
              "csrf_token": {"type": ["string", "null"],
                "description": "For the X-CSRF-Token header of requests that change something; null for an API token"}
            }}})"};
}

}  // namespace postern::ems::api
