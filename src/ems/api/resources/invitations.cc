// /api/v1/invitations: what agents enrol with.
#include "ems/api/fact_json.h"
#include "ems/api/handling.h"
#include "ems/api/resources/resources.h"
#include "ems/api/services.h"

namespace postern::ems::api {
namespace {

namespace json = boost::json;

constexpr std::int64_t kDaySeconds = 24 * 3600;

std::string state_of(const Invitation& i, WallTime now) {
  if (i.revoked) return "revoked";
  if (i.expires_at <= now) return "expired";
  return i.uses >= i.max_uses ? "used_up" : "open";
}

json::object invitation_json(const Invitation& i, WallTime now) {
  return {{"id", i.id},
          {"state", state_of(i, now)},
          {"note", i.note},
          {"created_by", i.created_by},
          {"created_at", time_json(i.created_at)},
          {"expires_at", time_json(i.expires_at)},
          {"max_uses", i.max_uses},
          {"uses", i.uses}};
}

/// Newest first; the id makes it unique.
std::string invitation_position(const Invitation& i) {
  return std::to_string(9'000'000'000'000'000 - to_unix_ms(i.created_at)) + i.id;
}

void list_invitations(const CallPtr& call) {
  auto all = call->services.core.invitations();
  std::ranges::sort(all, {}, [](const Invitation* i) { return invitation_position(*i); });
  reply_page(call, all, [](const Invitation* i) { return invitation_position(*i); },
             [now = now_of(call).wall](const Invitation* i) { return invitation_json(*i, now); });
}

void show_invitation(const CallPtr& call) {
  const Invitation* invitation = call->services.core.invitation(call->param("id"));
  if (invitation == nullptr) {
    return call->fail({ErrorCode::kNotFound, "there is no invitation " + call->param("id")});
  }
  call->reply(200, invitation_json(*invitation, now_of(call).wall));
}

void create_invitation(const CallPtr& call) {
  const Seconds expires_in(call->integer("expires_in").value_or(7 * kDaySeconds));
  const auto max_uses = static_cast<std::uint32_t>(call->integer("max_uses").value_or(1));
  call->services.core.create_invitation(
      now_of(call), actor_of(call), expires_in, max_uses, call->text("note").value_or(""),
      [call](Result<EmsCore::InvitationMade> made) {
        if (!made) return call->fail(made.error());
        json::object reply{{"id", made->id}, {"code", made->code}, {"invitation", made->invitation}};
        if (const Invitation* i = call->services.core.invitation(made->id)) {
          reply["expires_at"] = time_json(i->expires_at);
          reply["max_uses"] = i->max_uses;
        }
        call->reply(201, reply);
      });
}

void revoke_invitation(const CallPtr& call) {
  call->services.core.revoke_invitation(now_of(call), actor_of(call), call->param("id"), done_empty(call));
}

}  // namespace

Resource invitations_resource() {
  return {
      .name = "invitations",
      .description = "What agents enrol with: a code, the addresses of this EMS and its root key's digest as one text",
      .routes = {{.method = "GET",
                  .path = "/api/v1/invitations",
                  .role = Role::kReadonly,
                  .handler = list_invitations,
                  .summary = "All invitations, newest first, without their codes",
                  .query = list_query({}),
                  .result = "Invitation",
                  .list = true},
                 {.method = "POST",
                  .path = "/api/v1/invitations",
                  .handler = create_invitation,
                  .summary = "Make an invitation; its code is shown this once",
                  .body_kind = BodyKind::kFields,
                  .body = {{.name = "expires_in",
                            .type = FieldType::kInteger,
                            .description = "Seconds; seven days when not given",
                            .min = 60,
                            .max = 365 * kDaySeconds},
                           {.name = "max_uses",
                            .type = FieldType::kInteger,
                            .description = "Endpoints that may enrol with it; 1 when not given",
                            .min = 1,
                            .max = 1'000'000},
                           {.name = "note", .description = "For administrators"}},
                  .success = 201,
                  .result = "InvitationMade"},
                 {.method = "GET",
                  .path = "/api/v1/invitations/{id}",
                  .role = Role::kReadonly,
                  .handler = show_invitation,
                  .summary = "One invitation",
                  .result = "Invitation"},
                 {.method = "DELETE",
                  .path = "/api/v1/invitations/{id}",
                  .handler = revoke_invitation,
                  .summary = "Revoke an invitation; who enrolled with it stays",
                  .success = 204}},
      .schemas = R"({
            "Invitation": {"type": "object",
              "required": ["id", "state", "note", "created_by", "created_at", "expires_at", "max_uses", "uses"],
              "properties": {
                "id": {"type": "string"},
                "state": {"type": "string", "enum": ["open", "used_up", "expired", "revoked"]},
                "note": {"type": "string"}, "created_by": {"type": "string"},
                "created_at": {"type": "string", "format": "date-time"},
                "expires_at": {"type": "string", "format": "date-time"},
                "max_uses": {"type": "integer"}, "uses": {"type": "integer"}}},
            "InvitationMade": {"type": "object", "required": ["id", "code", "invitation", "expires_at", "max_uses"],
              "properties": {
                "id": {"type": "string"},
                "code": {"type": "string", "description": "The EMS keeps only its SHA-256"},
                "invitation": {"type": "string", "description": "The text to give to postern-agent enrol"},
                "expires_at": {"type": "string", "format": "date-time"},
                "max_uses": {"type": "integer"}}}})"};
}

}  // namespace postern::ems::api
