// /api/v1/audit: who did what, and when.
#include "base/text.h"
#include "ems/api/fact_json.h"
#include "ems/api/handling.h"
#include "ems/api/resources/resources.h"
#include "ems/api/services.h"

namespace postern::ems::api {
namespace {

namespace json = boost::json;

json::object entry_json(const AuditEntry& e) {
  return {{"id", e.id},         {"at", time_json(e.at)}, {"actor", e.actor},  {"source", e.source},
          {"action", e.action}, {"object", e.object},    {"detail", e.detail}};
}

void list_audit_entries(const CallPtr& call) {
  const auto limit = static_cast<std::size_t>(call->query_u64("limit", kDefaultLimit));
  const auto cursor = read_cursor(*call);
  if (!cursor) return call->fail(cursor.error());
  // A cursor goes on from where its page ended, which is never newer than the `before` it began with.
  const std::uint64_t before = parse_u64(*cursor).value_or(call->query_u64("before", 0));
  auto entries = call->services.core.audit(before, limit + 1);
  if (!entries) return call->fail(entries.error());
  const bool more = entries->size() > limit;
  if (more) entries->resize(limit);
  json::array items;
  for (const AuditEntry& e : *entries) items.push_back(entry_json(e));
  const std::string next = more ? make_cursor(*call, std::to_string(entries->back().id)) : "";
  call->reply(200, list_reply(std::move(items), next, call->services.core.audit_size()));
}

}  // namespace

Resource audit_resource() {
  return {.name = "audit",
          .description = "What administrators, tokens, agents and gateways did; kept for a year",
          .routes = {{.method = "GET",
                      .path = "/api/v1/audit",
                      .role = Role::kReadonly,
                      .handler = list_audit_entries,
                      .summary = "The audit log, newest first",
                      .query = list_query({}, {{.name = "before",
                                                .type = FieldType::kInteger,
                                                .description = "Only entries with a smaller id",
                                                .min = 1,
                                                .max = INT64_MAX}}),
                      .result = "AuditPage"}},
          .schemas = R"({
            "AuditEntry": {"type": "object", "required": ["id", "at", "actor", "source", "action", "object", "detail"],
              "properties": {
                "id": {"type": "integer", "description": "Ascending"},
                "at": {"type": "string", "format": "date-time"},
                "actor": {"type": "string", 
                  "description": "admin, token:<id> (admin), agent <uid>, gateway <serial>, ems"},
                "source": {"type": "string", "description": "Address it came from; may be empty"},
                "action": {"type": "string", "description": "Stable: endpoint.quarantine"},
                "object": {"type": "string"}, "detail": {"type": "string"}}},
            "AuditPage": {"type": "object", "required": ["items", "next_cursor", "total"], "properties": {
              "items": {"type": "array", "items": {"$ref": "#/components/schemas/AuditEntry"}},
              "next_cursor": {"type": ["string", "null"]},
              "total": {"type": "integer", "description": "Entries of the whole log"}}}})"};
}

}  // namespace postern::ems::api
