// /api/v1/tokens: what programs prove themselves with.
#include <array>

#include "base/sha256.h"
#include "ems/api/fact_json.h"
#include "ems/api/handling.h"
#include "ems/api/resources/resources.h"
#include "ems/api/services.h"

namespace postern::ems::api {
namespace {

namespace json = boost::json;

json::object token_json(const ApiToken& token) {
  json::object out{{"id", token.id},
                   {"name", token.name},
                   {"user", token.user},
                   {"role", std::string(administrator_role_name(token.role))},
                   {"created_at", time_json(token.created_at)}};
  out["expires_at"] = token.expires_at ? time_json(*token.expires_at) : json::value(nullptr);
  return out;
}

const ApiToken* find_token(const CallPtr& call, const std::string& id) {
  for (const ApiToken* token : call->services.core.api_tokens()) {
    if (token->id == id) return token;
  }
  return nullptr;
}

void list_tokens(const CallPtr& call) {
  reply_page(call, call->services.core.api_tokens(), [](const ApiToken* t) { return t->id; },
             [](const ApiToken* t) { return token_json(*t); });
}

void create_token(const CallPtr& call) {
  Services& services = call->services;
  const Now now = now_of(call);
  std::array<std::uint8_t, 32> secret{};
  services.random.fill(secret);
  const std::string text = "pst_" + to_base64url(secret);  // a prefix that scanners for leaked secrets can look for
  ApiToken token;
  do {
    token.id = "TOK-" + services.random.readable(8);
  } while (find_token(call, token.id) != nullptr);
  token.token_sha256 = sha256(text);
  token.name = *call->text("name");
  token.user = call->who.user;
  token.role = *parse_administrator_role(call->text("role").value_or("admin"));
  token.created_at = now.wall;
  if (const auto seconds = call->integer("expires_in")) {
    token.expires_at = now.wall + std::chrono::duration_cast<Millis>(Seconds(*seconds));
  }
  // A token that runs out can't make one that outlives it.
  if (call->who.kind == Principal::Kind::kToken) {
    const ApiToken* maker = find_token(call, call->who.token_id);
    const auto end = maker == nullptr ? now.wall : maker->expires_at;
    if (end && (!token.expires_at || *token.expires_at > *end)) token.expires_at = end;
  }
  services.core.add_api_token(now, actor_of(call), token, [call, token, text](Status done) {
    if (!done) return call->fail(done.error());
    json::object reply = token_json(token);
    reply["token"] = text;
    call->reply(201, reply);
  });
}

/// Whoever has a token may end it, and people the ones that they made; all others only administrators may.
bool may_remove(const CallPtr& call, const std::string& id) {
  const Principal& who = call->who;
  if (who.may(Role::kAdmin)) return true;
  if (who.kind == Principal::Kind::kToken) return who.token_id == id;
  const ApiToken* token = find_token(call, id);
  return token != nullptr && token->user == who.user;
}

void remove_token(const CallPtr& call) {
  if (!may_remove(call, call->param("id"))) {
    return call->fail({ErrorCode::kPermissionDenied,
                       "ending another's API token needs the role admin, and " + call->who.whose_role() + " is readonly"});
  }
  call->services.core.remove_api_token(now_of(call), actor_of(call), call->param("id"), done_empty(call));
}

}  // namespace

Resource tokens_resource() {
  return {.name = "tokens",
          .description = "API tokens; one can do no more than the administrator who made it",
          .routes = {{.method = "GET",
                      .path = "/api/v1/tokens",
                      .role = Role::kReadonly,
                      .handler = list_tokens,
                      .summary = "All API tokens, without their texts",
                      .query = list_query({}),
                      .result = "ApiToken",
                      .list = true},
                     {.method = "POST",
                      .path = "/api/v1/tokens",
                      .handler = create_token,
                      .summary = "Make an API token; its text is shown this once",
                      .body_kind = BodyKind::kFields,
                      .body = {{.name = "name", .description = "What it is for", .required = true, .min = 1, .max = 63},
                               {.name = "role", .description = "admin when not given", .values = {"admin", "readonly"}},
                               {.name = "expires_in",
                                .type = FieldType::kInteger,
                                .description = "Seconds; without it the token does not run out",
                                .min = 60,
                                .max = 10LL * 365 * 24 * 3600}},
                      .success = 201,
                      .result = "ApiTokenMade"},
                     {.method = "DELETE",
                      .path = "/api/v1/tokens/{id}",
                      .role = Role::kReadonly,
                      .handler = remove_token,
                      .summary = "End an API token; one of role readonly ends only itself, a person of that role their own",
                      .success = 204}},
          .schemas = R"({
            "ApiToken": {"type": "object", "required": ["id", "name", "user", "role", "created_at", "expires_at"],
              "properties": {
                "id": {"type": "string"}, "name": {"type": "string"}, "user": {"type": "string"},
                "role": {"type": "string", "enum": ["admin", "readonly"]},
                "created_at": {"type": "string", "format": "date-time"},
                "expires_at": {"type": ["string", "null"], "format": "date-time"}}},
            "ApiTokenMade": {"allOf": [{"$ref": "#/components/schemas/ApiToken"}, {"type": "object",
              "required": ["token"], "properties": {"token": {"type": "string",
                "description": "For the Authorization header; the EMS keeps only its SHA-256"}}}]}})"};
}

}  // namespace postern::ems::api
