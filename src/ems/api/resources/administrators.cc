// /api/v1/administrators: who may sign in. One's own password is changed under auth/.
#include "base/text.h"
#include "ems/api/fact_json.h"
#include "ems/api/handling.h"
#include "ems/api/own_password.h"
#include "ems/api/password.h"
#include "ems/api/resources/resources.h"
#include "ems/api/services.h"
#include "ems/core/name.h"

namespace postern::ems::api {
namespace {

namespace json = boost::json;

/// Without the password's hash, which never leaves the EMS.
json::object administrator_json(const Administrator& a) {
  return {{"name", a.name},
          {"role", std::string(administrator_role_name(a.role))},
          {"disabled", a.disabled},
          {"must_change_password", a.must_change_password},
          {"created_at", time_json(a.created_at)}};
}

Error no_administrator(const std::string& name) { return {ErrorCode::kNotFound, "there is no administrator " + name}; }

void list_administrators(const CallPtr& call) {
  reply_page(call, call->services.core.administrators(), [](const Administrator* a) { return a->name; },
             [](const Administrator* a) { return administrator_json(*a); });
}

void show_administrator(const CallPtr& call) {
  const Administrator* a = call->services.core.administrator(call->param("name"));
  if (a == nullptr) return call->fail(no_administrator(call->param("name")));
  call->reply(200, administrator_json(*a));
}

void save_administrator(const CallPtr& call, Administrator administrator, bool sign_out, int status) {
  const std::string name = administrator.name;
  call->services.core.save_administrator(
      now_of(call), actor_of(call), std::move(administrator), [call, name, sign_out, status](Status done) {
        if (!done) return call->fail(done.error());
        if (sign_out) call->services.sessions.close_all(name);
        const Administrator* a = call->services.core.administrator(name);
        if (a == nullptr) return call->fail(no_administrator(name));  // deleted in the same moment
        call->reply(status, administrator_json(*a));
      });
}

/// Names are told apart by people: one that differs only in case is another's.
Status name_is_free(const CallPtr& call, const std::string& name) {
  for (const Administrator* a : call->services.core.administrators()) {
    if (a->name == name) return fail(ErrorCode::kAlreadyExists, "there is an administrator " + name + " already");
    if (to_lower(a->name) == to_lower(name)) {
      return fail(ErrorCode::kAlreadyExists,
                  "there is an administrator " + a->name +
                      " already; names that differ only in case would be taken for one another");
    }
  }
  return {};
}

void create_administrator(const CallPtr& call) {
  Administrator made;
  made.name = *call->text("name");
  made.role = *parse_administrator_role(*call->text("role"));
  made.must_change_password = call->boolean("must_change_password").value_or(true);
  made.created_at = now_of(call).wall;
  const std::string password = *call->text("password");
  if (Status ok = check_new_name(made.name); !ok) return call->fail(ok.error());
  if (Status ok = name_is_free(call, made.name); !ok) return call->fail(ok.error());
  if (Status ok = acceptable_password(password, made.name, "password"); !ok) return call->fail(ok.error());
  hash_later(call, password, [call, made](Result<std::string> hash) mutable {
    if (!hash) return call->fail(hash.error());
    if (Status ok = name_is_free(call, made.name); !ok) return call->fail(ok.error());  // taken meanwhile
    made.password_hash = std::move(*hash);
    // Sessions of somebody who was called so before are not this one's.
    save_administrator(call, std::move(made), true, 201);
  });
}

/// What the body says of `a`, but for the password.
Administrator changed(const CallPtr& call, Administrator a) {
  if (const auto role = call->text("role")) a.role = *parse_administrator_role(*role);
  if (const auto disabled = call->boolean("disabled")) a.disabled = *disabled;
  return a;
}

void change_administrator(const CallPtr& call) {
  const std::string name = call->param("name");
  const Administrator* before = call->services.core.administrator(name);
  if (before == nullptr) return call->fail(no_administrator(name));
  const auto password = call->text("password");
  if (!password) {
    Administrator after = changed(call, *before);
    const bool sign_out = after.disabled;
    return save_administrator(call, std::move(after), sign_out, 200);
  }
  if (name == call->who.user) {
    return call->fail({ErrorCode::kConflict, "password: is your own; change it with POST /api/v1/auth/password"});
  }
  if (Status ok = acceptable_password(*password, name, "password"); !ok) return call->fail(ok.error());
  hash_later(call, *password, [call, name](Result<std::string> hash) {
    if (!hash) return call->fail(hash.error());
    const Administrator* now = call->services.core.administrator(name);
    if (now == nullptr) return call->fail(no_administrator(name));  // deleted meanwhile
    Administrator after = changed(call, *now);
    after.password_hash = std::move(*hash);
    after.must_change_password = true;
    save_administrator(call, std::move(after), true, 200);
  });
}

void remove_administrator(const CallPtr& call) {
  const std::string name = call->param("name");
  call->services.core.remove_administrator(now_of(call), actor_of(call), name, [call, name](Status done) {
    if (!done) return call->fail(done.error());
    call->services.sessions.close_all(name);
    call->reply_empty();
  });
}

}  // namespace

Resource administrators_resource() {
  const Field password{.name = "password",
                       .description = "12 to 256 bytes, without the name in it",
                       .min = 1,
                       .max = 4096};
  Field other_password = password;
  other_password.description += "; with another one sessions and API tokens end";
  Field first_password = password;
  first_password.required = true;
  const Field role{
      .name = "role", .description = "readonly: sees everything, changes nothing", .values = {"admin", "readonly"}};
  Field first_role = role;
  first_role.required = true;
  // A token that runs out must not leave behind somebody who can sign in, and a password or a role is nothing for a
  // program to hand out.
  return {
      .name = "administrators",
      .description =
          "Administrators: who may sign in. One's own password is changed under auth. API tokens may only read: "
          "creating, changing and deleting need a signed-in session (403 otherwise)",
      .routes =
          {{.method = "GET",
            .path = "/api/v1/administrators",
            .role = Role::kReadonly,
            .handler = list_administrators,
            .summary = "All administrators by name",
            .query = list_query({}),
            .result = "Administrator",
            .list = true},
           {.method = "POST",
            .path = "/api/v1/administrators",
            .session_only = true,
            .handler = create_administrator,
            .summary =
                "Create an administrator, who has to change the password at the first sign-in; not with an API token",
            .body_kind = BodyKind::kFields,
            .body = {{.name = "name", .required = true, .min = 1, .max = 63},
                     first_password,
                     first_role,
                     {.name = "must_change_password",
                      .type = FieldType::kBoolean,
                      .description = "False: the password given may stay"}},
            .success = 201,
            .result = "Administrator"},
           {.method = "GET",
            .path = "/api/v1/administrators/{name}",
            .role = Role::kReadonly,
            .handler = show_administrator,
            .summary = "One administrator",
            .result = "Administrator"},
           {.method = "PATCH",
            .path = "/api/v1/administrators/{name}",
            .session_only = true,
            .handler = change_administrator,
            .summary =
                "Change the role, disable or enable, or give another password, to be changed at the next sign-in; "
                "not with an API token",
            .body_kind = BodyKind::kFields,
            .body = {role,
                     {.name = "disabled",
                      .type = FieldType::kBoolean,
                      .description = "May not sign in; sessions end and API tokens are refused"},
                     other_password},
            .result = "Administrator"},
           {.method = "DELETE",
            .path = "/api/v1/administrators/{name}",
            .session_only = true,
            .handler = remove_administrator,
            .summary = "Delete an administrator, with sessions and API tokens; never the last with the role admin; not "
                       "with an "
                       "API token",
            .success = 204}},
      .schemas = R"({"Administrator": {"type": "object",
        "required": ["name", "role", "disabled", "must_change_password", "created_at"], "properties": {
          "name": {"type": "string"},
          "role": {"type": "string", "enum": ["admin", "readonly"]},
          "disabled": {"type": "boolean"},
          "must_change_password": {"type": "boolean", "description": "At the next sign-in, before anything else"},
          "created_at": {"type": ["string", "null"], "format": "date-time"}}}})"};
}

}  // namespace postern::ems::api
