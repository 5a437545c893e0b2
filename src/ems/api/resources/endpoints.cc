// /api/v1/endpoints: what is known of each.
#include <array>

#include "base/text.h"
#include "ems/api/endpoint_json.h"
#include "ems/api/fact_json.h"
#include "ems/api/finding_json.h"
#include "ems/api/handling.h"
#include "ems/api/resources/resources.h"
#include "ems/api/services.h"
#include "posture/tag.h"

namespace postern::ems::api {
namespace {

namespace json = boost::json;

constexpr std::array<std::pair<std::string_view, EndpointQuery::Sort>, 5> kSorts{{
    {"host_name", EndpointQuery::Sort::kHostName},
    {"last_seen", EndpointQuery::Sort::kLastSeen},
    {"enrolled_at", EndpointQuery::Sort::kEnrolledAt},
    {"uid", EndpointQuery::Sort::kUid},
    {"ip", EndpointQuery::Sort::kIp},
}};

std::vector<std::string> sort_names() {
  std::vector<std::string> names;
  for (const auto& [name, sort] : kSorts) names.emplace_back(name);
  return names;
}

/// Is there such a tag, "unknown:NAME" included? A filter by a tag that isn't there must not look like "no endpoint".
bool known_tag(const EmsCore& core, std::string_view name) {
  if (name.starts_with("unknown:")) name.remove_prefix(8);
  return core.tag(name) != nullptr;
}

/// One that rules know, or that an endpoint reports. Like a tag that isn't there, another must not look like "no endpoint".
bool known_system(const EmsCore& core, const std::string& os) {
  const auto lower = to_lower(os);
  if (posture::parse_os_family(lower)) return true;
  for (const std::string_view type : {"linux64", "linux_arm64", "win64", "mac"}) {
    if (lower == type) return true;
  }
  EndpointQuery query;
  query.os = os;
  query.limit = 0;
  return core.endpoints(query).total > 0;
}

void list_endpoints(const CallPtr& call) {
  const EmsCore& core = call->services.core;
  EndpointQuery query;
  query.q = call->query("q");
  if (const std::string tag = call->query("tag"); !tag.empty()) {
    if (!known_tag(core, tag)) return call->fail({ErrorCode::kInvalidArgument, "tag: there is no tag \"" + tag + "\""});
    query.tag = tag;
  }
  if (const std::string os = call->query("os"); !os.empty()) {
    if (!known_system(core, os)) {
      return call->fail({ErrorCode::kInvalidArgument,
                         "os: no endpoint reports \"" + os + "\"; it must be one of linux, windows, macos, ios, android, or an "
                         "os_type such as LINUX64, WIN64 or MAC"});
    }
    query.os = os;
  }
  query.online = call->query_bool("online");
  query.registered = call->query_bool("registered");
  query.quarantined = call->query_bool("quarantined");
  std::string sort = call->query("sort");
  if (sort.starts_with('-')) {
    query.descending = true;
    sort.erase(0, 1);
  }
  for (const auto& [name, value] : kSorts) {
    if (name == sort) query.sort = value;
  }
  query.limit = static_cast<std::size_t>(call->query_u64("limit", kDefaultLimit));
  auto after = read_cursor(*call);
  if (!after) return call->fail(after.error());
  query.after = std::move(*after);
  const EndpointPage page = core.endpoints(query);
  json::array items;
  for (const Endpoint* e : page.items) items.push_back(endpoint_json(core, *e));
  call->reply(200, list_reply(std::move(items), page.next.empty() ? "" : make_cursor(*call, page.next), page.total));
}

void show_endpoint(const CallPtr& call) {
  const auto endpoint = find_endpoint(call);
  if (!endpoint) return call->fail(endpoint.error());
  call->reply(200, endpoint_json(call->services.core, **endpoint));
}

void remove_endpoint(const CallPtr& call) {
  const auto endpoint = find_endpoint(call);
  if (!endpoint) return call->fail(endpoint.error());
  call->services.core.remove_endpoint(now_of(call), actor_of(call), EndpointUid((*endpoint)->uid), done_empty(call));
}

// ---- vulnerabilities ------------------------------------------------------------------------------------------------

void vulnerabilities(const CallPtr& call) {
  const auto endpoint = find_endpoint(call);
  if (!endpoint) return call->fail(endpoint.error());
  auto findings = call->services.core.findings((*endpoint)->uid);
  if (!findings && findings.error().code == ErrorCode::kUnavailable && call->services.core.reads_feeds())
    call->add_header("Retry-After", "5");
  if (!findings) return call->fail(findings.error());
  if (const std::string severity = call->query("severity"); !severity.empty()) {
    std::erase_if(*findings, [&](const Finding& f) { return f.severity != severity; });
  }
  if (const auto accepted = call->query_bool("accepted")) {
    std::erase_if(*findings, [&](const Finding& f) { return (f.accepted != nullptr) != *accepted; });
  }
  std::ranges::sort(*findings, {}, finding_position);
  reply_page(call, *findings, finding_position, finding_json);
}

// ---- facts and history ----------------------------------------------------------------------------------------------

void facts(const CallPtr& call) {
  const auto endpoint = find_endpoint(call);
  if (!endpoint) return call->fail(endpoint.error());
  reply_page(call, (*endpoint)->facts(), [](const auto& fact) { return fact.first; },
             [](const auto& fact) { return fact_json(fact.first, fact.second); });
}

json::object endpoint_change_json(const Change& change) {
  json::object out{{"revision", change.revision}, {"at", time_json(change.at)}, {"kind", change.kind}};
  json::error_code error;
  json::value what = json::parse(change.json, error);
  out["change"] = error ? json::value(change.json) : std::move(what);
  return out;
}

void history(const CallPtr& call) {
  const auto endpoint = find_endpoint(call);
  if (!endpoint) return call->fail(endpoint.error());
  const auto cursor = read_cursor(*call);
  if (!cursor) return call->fail(cursor.error());
  const Revision before = std::strtoull(cursor->c_str(), nullptr, 10);  // sealed: ours
  const auto limit = static_cast<std::size_t>(call->query_u64("limit", kDefaultLimit));
  auto changes = call->services.core.history((*endpoint)->uid.str(), before, limit + 1);
  if (!changes) return call->fail(changes.error());
  const bool more = changes->size() > limit;
  if (more) changes->pop_back();
  json::array items;
  for (const Change& change : *changes) items.push_back(endpoint_change_json(change));
  call->reply(200,
              log_reply(std::move(items), more ? make_cursor(*call, std::to_string(changes->back().revision)) : ""));
}

}  // namespace

Resource endpoints_resource() {
  static const std::string schemas = [] {
    json::object all = json::parse(endpoint_schemas()).as_object();
    json::object more = json::parse(R"({
      "Fact": {"type": "object", "required": ["key", "known", "collected_at", "source"], "properties": {
          "key": {"type": "string"},
          "known": {"type": "boolean"},
          "value": {"description": "There only when known"},
          "text": {"type": "string", "description": "Of a number that stands for a time or a score: as a person reads it"},
          "unknown_reason": {"type": "string", "enum": ["unsupported", "denied", "stale", "failed"]},
          "collected_at": {"type": ["string", "null"], "format": "date-time"},
          "source": {"type": "string", "description": "Where it was read"}}},
      "EndpointChange": {"type": "object", "required": ["revision", "at", "kind", "change"], "properties": {
          "revision": {"type": "integer"}, "at": {"type": "string", "format": "date-time"},
          "kind": {"type": "string"}, "change": {"description": "What changed"}}}})").as_object();
    for (auto& [name, schema] : more) all.emplace(name, schema);
    all.emplace("Vulnerability", json::parse(kFindingSchema));
    return json::serialize(all);
  }();
  std::vector<Field> filters{
      {.name = "q", .description = "In host name, UID, address, MAC, user or operating system; case does not matter"},
      {.name = "tag", .description = "Has this tag; unknown:NAME: nobody knows whether it has it", .min = 1},
      {.name = "os", .description = "os_type or os_family, such as linux; one that nobody knows is refused", .min = 1},
      {.name = "online",
       .type = FieldType::kBoolean,
       .description = "Only these: heard within the offline timeout or not"},
      {.name = "registered",
       .type = FieldType::kBoolean,
       .description = "Only these: deregistered and revoked ones are not"},
      {.name = "quarantined", .type = FieldType::kBoolean, .description = "Only these"}};
  return {.name = "endpoints",
          .description = "Endpoints, and what is known of each",
          .routes = {{.method = "GET",
                      .path = "/api/v1/endpoints",
                      .role = Role::kReadonly,
                      .handler = list_endpoints,
                      .summary = "Endpoints that the filters admit",
                      .query = list_query(sort_names(), std::move(filters)),
                      .result = "Endpoint",
                      .list = true},
                     {.method = "GET",
                      .path = "/api/v1/endpoints/{uid}",
                      .role = Role::kReadonly,
                      .handler = show_endpoint,
                      .summary = "One endpoint",
                      .result = "Endpoint"},
                     {.method = "DELETE",
                      .path = "/api/v1/endpoints/{uid}",
                      .handler = remove_endpoint,
                      .summary = "Forget an endpoint that was deregistered or revoked",
                      .success = 204},
                     {.method = "GET",
                      .path = "/api/v1/endpoints/{uid}/vulnerabilities",
                      .role = Role::kReadonly,
                      .handler = vulnerabilities,
                      .summary = "Findings, worst first, accepted ones last; 503 with the reason while nobody knows (with "
                                 "Retry-After while feeds are being read)",
                      .query = list_query(
                          {}, {{.name = "severity", .description = "Only of this one", .values = severities_worst_first()},
                               {.name = "accepted",
                                .type = FieldType::kBoolean,
                                .description = "Only these: findings that somebody lives with, or those that count"}}),
                      .result = "Vulnerability",
                      .list = true},
                     {.method = "GET",
                      .path = "/api/v1/endpoints/{uid}/history",
                      .role = Role::kReadonly,
                      .handler = history,
                      .summary = "What changed of it, newest first",
                      .query = list_query({}),
                      .result = "EndpointChange",
                      .list = true},
                     {.method = "GET",
                      .path = "/api/v1/endpoints/{uid}/facts",
                      .role = Role::kReadonly,
                      .handler = facts,
                      .summary = "Every fact with its age and source, or why it is unknown",
                      .query = list_query({}),
                      .result = "Fact",
                      .list = true}},
          .schemas = schemas};
}

}  // namespace postern::ems::api
