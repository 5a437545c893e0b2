// /api/v1/risks: findings that somebody lives with for a time.
#include "ems/api/fact_json.h"
#include "ems/api/handling.h"
#include "ems/api/input.h"
#include "ems/api/resources/resources.h"
#include "ems/api/services.h"

namespace postern::ems::api {
namespace {

namespace json = boost::json;

constexpr std::string_view kAllEndpoints = "all";

json::value text_or_any(const std::string& text) { return text.empty() ? json::value(nullptr) : json::value(text); }

json::object risk_json(const Risk& r) {
  return {{"id", r.id},
          {"state", r.expired ? "expired" : "in_force"},
          {"cve", r.cve},
          {"source", text_or_any(r.source)},
          {"version", text_or_any(r.version)},
          {"scope", r.endpoint.empty() ? std::string(kAllEndpoints) : r.endpoint},
          {"reason", r.reason},
          {"accepted_by", r.accepted_by},
          {"accepted_at", time_json(r.accepted_at)},
          {"expires_at", time_json(r.expires_at)}};
}

Error no_risk(const std::string& id) { return {ErrorCode::kNotFound, "there is no accepted risk " + id}; }

void list_risks(const CallPtr& call) {
  reply_page(call, call->services.core.risks(), [](const Risk* r) { return r->id; },
             [](const Risk* r) { return risk_json(*r); });
}

void show_risk(const CallPtr& call) {
  const Risk* risk = call->services.core.risk(call->param("id"));
  if (risk == nullptr) return call->fail(no_risk(call->param("id")));
  call->reply(200, risk_json(*risk));
}

void accept_risk(const CallPtr& call) {
  Risk risk;
  risk.cve = call->text("cve").value_or("");
  risk.source = call->text("source").value_or("");
  risk.version = call->text("version").value_or("");
  risk.reason = call->text("reason").value_or("");
  const auto scope = call->text("scope").value_or(std::string(kAllEndpoints));
  if (scope != kAllEndpoints) risk.endpoint = scope;
  const auto until = parse_time(call->text("expires_at").value_or(""));
  if (!until) return call->fail(until.error().context("expires_at"));
  risk.expires_at = *until;
  call->services.core.accept_risk(now_of(call), actor_of(call), std::move(risk), [call](Result<std::string> id) {
    if (!id) return call->fail(id.error());
    const Risk* made = call->services.core.risk(*id);
    if (made == nullptr) return call->fail(no_risk(*id));  // removed in the same moment
    call->reply(201, risk_json(*made));
  });
}

void remove_risk(const CallPtr& call) {
  call->services.core.remove_risk(now_of(call), actor_of(call), call->param("id"), done_empty(call));
}

}  // namespace

Resource risks_resource() {
  return {
      .name = "risks",
      .description = "Accepted risks: findings that are shown and not counted, by whom, why and until when",
      .routes = {{.method = "GET",
                  .path = "/api/v1/risks",
                  .role = Role::kReadonly,
                  .handler = list_risks,
                  .summary = "All accepted risks by id, also those that expired in the last 90 days",
                  .query = list_query({}),
                  .result = "Risk",
                  .list = true},
                 {.method = "POST",
                  .path = "/api/v1/risks",
                  .handler = accept_risk,
                  .summary = "Accept a risk for a time; endpoints that have the finding are judged again",
                  .body_kind = BodyKind::kFields,
                  .body = {{.name = "cve", .description = "As findings name it", .required = true, .min = 1, .max = 128},
                           {.name = "source", .description = "Source package; any when not given", .min = 1, .max = 256},
                           {.name = "version",
                            .description = "Installed version, of the package or its source: another one counts again; any "
                                           "when not given",
                            .min = 1,
                            .max = 256},
                           {.name = "scope", .description = "all (when not given), or an endpoint's uid", .min = 1},
                           {.name = "reason", .description = "For whoever asks later", .required = true, .min = 1, .max = 1000,
                            .multiline = true},
                           {.name = "expires_at",
                            .description = "Moment from which it counts again, at most a year from now",
                            .required = true,
                            .min = 1}},
                  .success = 201,
                  .result = "Risk"},
                 {.method = "GET",
                  .path = "/api/v1/risks/{id}",
                  .role = Role::kReadonly,
                  .handler = show_risk,
                  .summary = "One accepted risk",
                  .result = "Risk"},
                 {.method = "DELETE",
                  .path = "/api/v1/risks/{id}",
                  .handler = remove_risk,
                  .summary = "Take it back: the findings count again",
                  .success = 204}},
      .schemas = R"({"Risk": {"type": "object",
            "required": ["id", "state", "cve", "source", "version", "scope", "reason", "accepted_by", "accepted_at", "expires_at"],
            "properties": {
              "id": {"type": "string"},
              "state": {"type": "string", "enum": ["in_force", "expired"]},
              "cve": {"type": "string"},
              "source": {"type": ["string", "null"], "description": "null: in any source package"},
              "version": {"type": ["string", "null"], "description": "null: of any version"},
              "scope": {"type": "string", "description": "all, or an endpoint's uid"},
              "reason": {"type": "string"},
              "accepted_by": {"type": "string"},
              "accepted_at": {"type": "string", "format": "date-time"},
              "expires_at": {"type": "string", "format": "date-time"}}}})"};
}

}  // namespace postern::ems::api
