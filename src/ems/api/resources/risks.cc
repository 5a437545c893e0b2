// /api/v1/risks: findings that somebody lives with for a time.
#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "base/text.h"
#include "ems/api/fact_json.h"
#include "ems/api/handling.h"
#include "ems/api/input.h"
#include "ems/api/resources/resources.h"
#include "ems/api/services.h"
#include "ems/registry/query.h"

namespace postern::ems::api {
namespace {

namespace json = boost::json;

constexpr std::string_view kAllEndpoints = "all";

json::value text_or_any(const std::string& text) { return text.empty() ? json::value(nullptr) : json::value(text); }

/// Of the endpoint that it is for; empty: it is for all, or the endpoint is gone or has no name.
std::string host_of(const EmsCore& core, const Risk& r) {
  const Endpoint* e = r.endpoint.empty() ? nullptr : core.endpoint(EndpointUid(r.endpoint));
  return e == nullptr ? std::string() : host_name(*e);
}

json::object risk_json(const EmsCore& core, const Risk& r) {
  const std::string host = host_of(core, r);
  return {{"id", r.id},
          {"state", r.expired ? "expired" : "in_force"},
          {"cve", r.cve},
          {"source", text_or_any(r.source)},
          {"version", text_or_any(r.version)},
          {"scope", r.endpoint.empty() ? std::string(kAllEndpoints) : r.endpoint},
          {"host_name", host.empty() ? json::value(nullptr) : json::value(host)},
          {"reason", r.reason},
          {"accepted_by", r.accepted_by},
          {"accepted_at", time_json(r.accepted_at)},
          {"expires_at", time_json(r.expires_at)}};
}

Error no_risk(const std::string& id) { return {ErrorCode::kNotFound, "there is no accepted risk " + id}; }

/// Sorts as people count: CVE-2024-3094 before CVE-2024-10001.
std::string counted(std::string_view id) {
  constexpr std::size_t kDigits = 20;
  std::string out;
  while (!id.empty()) {
    const auto digits = std::min(id.find_first_not_of("0123456789"), id.size());
    if (digits < kDigits && digits > 0) out.append(kDigits - digits, '0');
    const auto taken = std::max<std::size_t>(digits, 1);
    out += id.substr(0, taken);
    id.remove_prefix(taken);
  }
  return out;
}

/// Unique, by its id behind. Without an order to keep: what is in force, by what ends next; then what expired, latest first.
std::string risk_position(const Risk& r, std::string_view sort) {
  const auto at = [](WallTime t) { return fmt::format("{:020}", std::max<std::int64_t>(0, to_unix_ms(t))); };
  if (sort == "cve") return counted(r.cve) + ' ' + r.id;
  if (sort == "accepted_at") return at(r.accepted_at) + r.id;
  if (sort == "expires_at") return at(r.expires_at) + r.id;
  if (!r.expired) return "0" + at(r.expires_at) + r.id;
  return "1" + fmt::format("{:020}", std::numeric_limits<std::int64_t>::max() - to_unix_ms(r.expires_at)) + r.id;
}

bool speaks_of(const EmsCore& core, const Risk& r, const std::string& lower) {
  for (const auto& text : {r.id, r.cve, r.source, r.endpoint, host_of(core, r), r.reason, r.accepted_by}) {
    if (to_lower(text).find(lower) != std::string::npos) return true;
  }
  return false;
}

void list_risks(const CallPtr& call) {
  const EmsCore& core = call->services.core;
  const std::string q = to_lower(trim(call->query("q"))), state = call->query("state");
  std::string sort = call->query("sort");
  const bool descending = sort.starts_with('-');
  if (descending) sort.erase(0, 1);
  std::vector<std::pair<std::string, const Risk*>> found;
  for (const Risk* r : core.risks()) {
    if (!state.empty() && r->expired != (state == "expired")) continue;
    if (q.empty() || speaks_of(core, *r, q)) found.emplace_back(risk_position(*r, sort), r);
  }
  std::ranges::sort(found);
  if (descending) std::ranges::reverse(found);
  reply_page(call, found, [](const auto& f) { return f.first; }, [&](const auto& f) { return risk_json(core, *f.second); },
             descending);
}

void show_risk(const CallPtr& call) {
  const Risk* risk = call->services.core.risk(call->param("id"));
  if (risk == nullptr) return call->fail(no_risk(call->param("id")));
  call->reply(200, risk_json(call->services.core, *risk));
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
    call->reply(201, risk_json(call->services.core, *made));
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
                  .summary = "All accepted risks, also those that expired in the last 90 days; those in force first, by what "
                             "ends next, unless sorted otherwise",
                  .query = list_query({"accepted_at", "cve", "expires_at"},
                                      {{.name = "q",
                                        .description = "In id, CVE, source package, endpoint, reason or who accepted it; case "
                                                       "does not matter"},
                                       {.name = "state", .description = "Only these", .values = {"in_force", "expired"}}}),
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
            "required": ["id", "state", "cve", "source", "version", "scope", "host_name", "reason", "accepted_by",
              "accepted_at", "expires_at"],
            "properties": {
              "id": {"type": "string"},
              "state": {"type": "string", "enum": ["in_force", "expired"]},
              "cve": {"type": "string"},
              "source": {"type": ["string", "null"], "description": "null: in any source package"},
              "version": {"type": ["string", "null"], "description": "null: of any version"},
              "scope": {"type": "string", "description": "all, or an endpoint's uid"},
              "host_name": {"type": ["string", "null"], "description": "Of that endpoint"},
              "reason": {"type": "string"},
              "accepted_by": {"type": "string"},
              "accepted_at": {"type": "string", "format": "date-time"},
              "expires_at": {"type": "string", "format": "date-time"}}}})"};
}

}  // namespace postern::ems::api
