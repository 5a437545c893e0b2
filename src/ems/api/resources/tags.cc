// /api/v1/tags: tags, the endpoints that have them, and what a draft would change.
#include <limits>

#include "base/text.h"
#include "ems/api/fact_json.h"
#include "ems/api/handling.h"
#include "ems/api/input.h"
#include "ems/api/resources/resources.h"
#include "ems/api/services.h"
#include "ems/api/tag_body.h"
#include "ems/api/what_if_json.h"
#include "posture/tag_json.h"

namespace postern::ems::api {
namespace {

namespace json = boost::json;

json::object tag_json(const EmsCore& core, const Tag& tag) {
  json::object out = json::parse(posture::print_tag_json(tag.definition)).as_object();
  const auto counts = core.tag_counts(tag.id);
  out["id"] = tag.id;
  out["built_in"] = tag.id == posture::kAllRegisteredClientsId;
  out["has"] = counts.has;
  out["unknown"] = counts.unknown;
  json::array shared;
  for (const auto& serial : core.tag_shared_with(tag.id)) shared.emplace_back(serial.str());
  out["shared_with"] = std::move(shared);
  out["updated_at"] = time_json(tag.updated_at);
  out["updated_by"] = tag.updated_by;
  out["version"] = core.tag_version(tag.definition.name.str());
  if (const auto* judged = core.engine().find(tag.id); judged != nullptr && !judged->in_force()) {
    out["warnings"] = json::array{
        "it is not in force, and unknown for every endpoint: its rules refer to tags in a circle, or to too many in a row, or have a "
        "pattern that is too large. Save it again without that"};
  }
  return out;
}

void reply_tag(const CallPtr& call, int status, const json::object& tag) {
  call->add_header("ETag", "\"" + std::string(tag.at("version").as_string()) + "\"");
  call->reply(status, tag);
}

/// The header names the version that the caller saw, or several of which any will do; "*": any there is. Answers if the tag
/// is another.
bool is_as_seen(const CallPtr& call, const std::string& name) {
  const std::string* header = call->request.headers.find("If-Match");
  if (header == nullptr) return true;
  const auto now = call->services.core.tag_version(name);
  std::string first;
  for (std::string_view one : split(*header, ',')) {
    one = trim(one);
    if (one == "*" && !now.empty()) return true;
    if (one.starts_with("W/")) one.remove_prefix(2);
    if (one.size() >= 2 && one.front() == '"' && one.back() == '"') one = one.substr(1, one.size() - 2);
    if (!now.empty() && one == now) return true;
    if (first.empty()) first = one;
  }
  if (first.empty() || (first == "*" && now.empty())) first = "any";
  const Status ok = check_seen(call, {{name, first}});
  if (ok) return true;  // what was not stored yet could not be, and is as he saw it again
  call->fail(412, ok.error());
  return false;
}

Result<posture::TagDefinition> read_tag(const CallPtr& call) {
  Result<json::value> body = parse_json(call->request.body);
  if (!body) return fail(body.error());
  return api::read_tag(std::move(*body));
}

Error no_tag(std::string_view name) { return {ErrorCode::kNotFound, "there is no tag " + std::string(name)}; }

void list_tags(const CallPtr& call) {
  const EmsCore& core = call->services.core;
  const auto kind = posture::parse_tag_kind(call->query("kind"));
  const std::string q = to_lower(trim(call->query("q")));
  auto tags = core.tags();
  std::erase_if(tags, [&](const Tag* tag) {
    const auto& d = tag->definition;
    return (kind && d.kind != *kind) || (!q.empty() && to_lower(d.name.str()).find(q) == std::string::npos);
  });
  reply_page(call, tags, [](const Tag* tag) { return tag->definition.name.str(); },
             [&](const Tag* tag) { return tag_json(core, *tag); });
}

void show_tag(const CallPtr& call) {
  const Tag* tag = call->services.core.tag(call->param("name"));
  if (tag == nullptr) return call->fail(no_tag(call->param("name")));
  reply_tag(call, 200, tag_json(call->services.core, *tag));
}

void save_tag(const CallPtr& call, const std::string& name, posture::TagDefinition definition, bool create_only) {
  const std::string new_name = definition.name.str();
  call->services.core.save_tag(
      now_of(call), actor_of(call), name, std::move(definition), create_only,
      [call, name, new_name, create_only](Result<posture::TagId> id) {
        if (!id) return call->fail(id.error());
        const Tag* tag = call->services.core.tag(new_name);
        if (tag == nullptr) return call->fail(no_tag(new_name));  // deleted in the same moment
        json::object out = tag_json(call->services.core, *tag);
        json::array warnings;
        if (name != new_name && !out["shared_with"].as_array().empty()) {
          warnings.emplace_back("gateways know it as " + new_name + " from now on: their policies that name " + name +
                                " count it as unknown until they are changed");
        }
        for (const auto& warning : call->services.core.tag_warnings(tag->definition)) warnings.emplace_back(warning);
        if (!warnings.empty()) out["warnings"] = std::move(warnings);
        reply_tag(call, create_only ? 201 : 200, out);
      });
}

void create_tag(const CallPtr& call) {
  auto definition = read_tag(call);
  if (!definition) return call->fail(definition.error());
  const std::string name = definition->name.str();
  save_tag(call, name, std::move(*definition), true);
}

void replace(const CallPtr& call) {
  const std::string& name = call->param("name");
  auto definition = read_tag(call);
  if (!definition) return call->fail(definition.error());
  if (!is_as_seen(call, name)) return;
  if (call->services.core.tag(name) == nullptr && definition->name.str() != name) {
    return call->fail(
        {ErrorCode::kNotFound, "there is no tag " + name + " that could become " + definition->name.str()});
  }
  save_tag(call, name, std::move(*definition), false);
}

void remove_tag(const CallPtr& call) {
  const std::string& name = call->param("name");
  auto& core = call->services.core;
  if (!is_as_seen(call, name)) return;
  const auto lost = core.deletion_warnings(name);
  core.delete_tag(now_of(call), actor_of(call), name, done_showing(call, [name, lost] {
                    return json::object{{"name", name}, {"warnings", json::array(lost.begin(), lost.end())}};
                  }));
}

json::object tag_endpoint_json(const Endpoint& e, std::string_view state) {
  const auto ip = primary_ip(e);
  const auto mac = primary_mac(e);
  json::object out{{"uid", e.uid.str()},          {"host_name", host_name(e)},
                   {"state", state},              {"online", e.online},
                   {"quarantined", e.quarantined}, {"last_seen", time_json(e.last_seen)}};
  out["ip"] = ip.valid() ? json::value(ip.str()) : json::value(nullptr);
  out["mac"] = mac.valid() ? json::value(mac.str()) : json::value(nullptr);
  return out;
}

void endpoints(const CallPtr& call) {
  const std::string& name = call->param("name");
  if (call->services.core.tag(name) == nullptr) return call->fail(no_tag(name));
  const bool unknown = call->query("state") == "unknown";
  EndpointQuery query;
  query.tag = (unknown ? "unknown:" : "") + name;
  query.q = call->query("q");
  query.online = call->query_bool("online");
  query.registered = true;  // as the tag's counts
  query.limit = call->query_u64("limit", kDefaultLimit);
  Result<std::string> after = read_cursor(*call);
  if (!after) return call->fail(after.error());
  query.after = std::move(*after);
  const EndpointPage page = call->services.core.endpoints(query);
  json::array items;
  for (const Endpoint* e : page.items) items.push_back(tag_endpoint_json(*e, unknown ? "unknown" : "has"));
  call->reply(200, list_reply(std::move(items), page.next.empty() ? "" : make_cursor(*call, page.next), page.total));
}

void what_if(const CallPtr& call) {
  const auto draft = read_tag(call);
  if (!draft) return call->fail(draft.error());
  call->services.hooks.commit();  // of what is being changed at this moment, as for every reader
  const Now now = now_of(call);
  EmsCore& core = call->services.core;
  const auto result = core.what_if(now, *draft);
  if (!result) return call->fail(result.error());
  const std::size_t limit = call->query_u64("limit", kDefaultLimit);
  const TagWhatIf& tag = result->tags.front();
  json::array referring;
  for (const auto& name : core.referring_tags(tag.name)) referring.emplace_back(name);
  json::object out = tag_what_if_json(tag, limit);
  out["referring_tags"] = std::move(referring);
  out["referring"] = tag_what_ifs_json(result->referring, limit);
  out["warnings"] = json::array(result->would.warnings.begin(), result->would.warnings.end());
  out["version"] = core.tag_version(tag.name);
  ask_sessions_cut(core, now, *result, limit, std::move(out), [call](Result<json::object> told) {
    if (!told) return call->fail(told.error());
    call->reply(200, *told);
  });
}

void show_last_change(const CallPtr& call) {
  call->services.hooks.commit();
  const std::string& name = call->param("name");
  const auto last = call->services.core.last_tag_change(name);
  if (!last) return call->fail(last.error());
  call->reply(200, json::object{{"name", name},
                                {"revision", last->revision},
                                {"at", time_json(last->at)},
                                {"by", last->by},
                                {"what", last->what},
                                {"basis", last->basis},
                                {"before", last->before ? json::parse(posture::print_tag_json(*last->before)) : json::value(nullptr)}});
}

void undo_tag(const CallPtr& call) {
  const auto expected = static_cast<Revision>(call->integer("revision").value_or(0));
  const auto basis = call->text("basis");
  if (basis && basis->empty())
    return call->fail({ErrorCode::kInvalidArgument, "basis: is empty; give it as last-change told it, or leave it out"});
  call->services.core.undo_tag(now_of(call), actor_of(call), call->param("name"), expected, basis.value_or(""),
                               [call](Result<EmsCore::Undone> done) {
                                 if (!done) return call->fail(done.error());
                                 const Tag* tag = done->there ? call->services.core.tag(done->name) : nullptr;
                                 json::object out{{"name", done->name}, {"undone_revision", done->undone}};
                                 out["warnings"] = json::array(done->warnings.begin(), done->warnings.end());
                                 out["tag"] = tag == nullptr ? json::value(nullptr) : tag_json(call->services.core, *tag);
                                 call->reply(200, out);
                               });
}

constexpr std::string_view kTagSchemas = R"({
  "TagRule": {"type": "object", "required": ["id", "os", "type"],
    "description": "Beside these the parameters of its type, such as ranges of ip-range; sets take match: all or any",
    "properties": {
      "id": {"type": "integer", "minimum": 1, "maximum": 9999, "description": "The number that logic names"},
      "os": {"type": "string", "enum": ["linux", "windows", "macos", "ios", "android"]},
      "type": {"type": "string"},
      "negate": {"type": "boolean", "default": false, "description": "NOT of unknown is unknown"},
      "max_age": {"type": "integer", "minimum": 60, "maximum": 31622400,
        "description": "Seconds: an older fact is unknown. What the agent watches is as old as its last sign of life"}},
    "additionalProperties": {"oneOf": [{"type": "string"}, {"type": "number"}, {"type": "boolean"},
      {"type": "array", "items": {"type": "string"}}]}},
  "TagDeleted": {"type": "object", "required": ["name", "warnings"], "properties": {
    "name": {"type": "string"},
    "warnings": {"type": "array", "items": {"type": "string"},
      "description": "What undo does not bring back: how many endpoints were given it by hand"}}},
  "TagLastChange": {"type": "object", "required": ["name", "revision", "at", "by", "what", "basis", "before"], "properties": {
    "name": {"type": "string"}, "revision": {"type": "integer", "description": "What undo takes, so that it takes back no other change"},
    "at": {"type": "string", "format": "date-time"},
    "by": {"type": "string", "description": "Empty: the log tells no more"},
    "what": {"type": "string", "enum": ["made", "changed", "renamed", "deleted"]},
    "basis": {"type": "string", "description": "Another one after each change of a tag on which it rests what undo would do: it takes this too"},
    "before": {"oneOf": [{"type": "null"}, {"$ref": "#/components/schemas/TagDefinition"}], "description": "What undo makes of it; null: it is deleted"}}},
  "TagUndo": {"type": "object", "required": ["name", "undone_revision", "tag", "warnings"], "properties": {
    "name": {"type": "string"}, "undone_revision": {"type": "integer"},
    "warnings": {"type": "array", "items": {"type": "string"},
      "description": "What is not as before: how many endpoints were given it by hand and don't have it again"},
    "tag": {"oneOf": [{"type": "null"}, {"$ref": "#/components/schemas/Tag"}], "description": "Null: it is gone"}}},
  "TagDefinition": {"type": "object", "required": ["name"], "properties": {
    "name": {"type": "string", "minLength": 1, "maxLength": 63},
    "kind": {"type": "string", "enum": ["security", "classification", "fabric"], "default": "security"},
    "enabled": {"type": "boolean", "default": true},
    "message": {"type": "string", "maxLength": 1024, "description": "For the user"},
    "comment": {"type": "string", "maxLength": 1024, "description": "For administrators"},
    "loss_delay": {"type": "integer", "minimum": 0, "maximum": 86400, "default": 0,
      "description": "Seconds for which an endpoint that no longer matches keeps the tag"},
    "on_unknown": {"type": "string", "enum": ["deny", "ignore"], "default": "deny",
      "description": "What a policy that denies by the tag makes of unknown"},
    "rules": {"type": "array", "maxItems": 100, "items": {"$ref": "#/components/schemas/TagRule"}},
    "logic": {"type": "object", "additionalProperties": {"type": "string"},
      "description": "Per operating system over rule numbers: (1 and 2) or not 3. Not given: all rules"}}},
  "Tag": {"allOf": [{"$ref": "#/components/schemas/TagDefinition"}, {"type": "object",
    "required": ["id", "built_in", "has", "unknown", "shared_with", "updated_at", "updated_by", "version"], "properties": {
      "id": {"type": "integer", "readOnly": true},
      "built_in": {"type": "boolean", "readOnly": true},
      "has": {"type": "integer", "readOnly": true, "description": "Registered endpoints that have it"},
      "unknown": {"type": "integer", "readOnly": true, "description": "Registered endpoints of which nobody knows"},
      "shared_with": {"type": "array", "items": {"type": "string"}, "readOnly": true,
        "description": "Authorised gateways that are told of it, by serial number: their policies may name it"},
      "warnings": {"type": "array", "items": {"type": "string"}, "readOnly": true,
        "description": "What the change that this answers may have broken, or says that is probably not meant; and that a stored tag is not in force. Only then there"},
      "updated_at": {"type": ["string", "null"], "format": "date-time", "readOnly": true},
      "version": {"type": "string", "readOnly": true,
        "description": "Another one after each change: the ETag, for If-Match and for expected of tags/apply"},
      "updated_by": {"type": "string", "readOnly": true}}}]},
  "TagEndpoint": {"type": "object",
    "required": ["uid", "host_name", "state", "online", "quarantined", "ip", "mac", "last_seen"], "properties": {
      "uid": {"type": "string"}, "host_name": {"type": "string"},
      "state": {"type": "string", "enum": ["has", "unknown"]},
      "online": {"type": "boolean"}, "quarantined": {"type": "boolean"},
      "ip": {"type": ["string", "null"]}, "mac": {"type": ["string", "null"]},
      "last_seen": {"type": ["string", "null"], "format": "date-time"}}},
  "TagWhatIfEndpoints": {"type": "object", "required": ["count", "listed", "uids"], "properties": {
    "count": {"type": "integer", "description": "All of them"},
    "listed": {"type": "integer", "description": "How many are in uids"},
    "uids": {"type": "array", "items": {"type": "string"}, "description": "As many of them as limit says; fewer where one answer would name more than a million endpoints"}}},
  "TagEffect": {"type": "object", "required": ["name", "gain", "lose", "become_unknown", "become_absent", "on_unknown_changes", "kept_for", "has_after", "unknown_after", "gone", "back"],
    "properties": {
      "name": {"type": "string"},
      "gain": {"$ref": "#/components/schemas/TagWhatIfEndpoints"},
      "lose": {"$ref": "#/components/schemas/TagWhatIfEndpoints"},
      "become_unknown": {"$ref": "#/components/schemas/TagWhatIfEndpoints"},
      "become_absent": {"$ref": "#/components/schemas/TagWhatIfEndpoints"},
      "on_unknown_changes": {"type": "boolean", "description": "Policies that deny by it make something else of unknown: they may let others through"},
      "kept_for": {"type": "integer", "description": "Seconds for which those who lose it keep it at most: its loss_delay as it would be saved. 0: it is lost at once"},
      "has_after": {"type": "integer", "description": "Once nobody keeps what was lost"}, "unknown_after": {"type": "integer"},
      "gone": {"type": "boolean", "description": "Removed or disabled: policies that name it count it as unknown"},
      "back": {"type": "boolean", "description": "Enabled again, or of another kind: policies that deny by it let through who does not have it"}}},
  "SessionsCut": {"type": "object", "required": ["total", "endpoints", "not_answered", "not_asked"],
    "description": "Live sessions that would end on saving, by the policies that gateways have now", "properties": {
      "total": {"type": "integer", "description": "At the gateways that answered"},
      "endpoints": {"type": "array", "items": {"type": "object", "required": ["uid", "gateway", "sessions"],
        "properties": {"uid": {"type": "string"}, "gateway": {"type": "string"}, "sessions": {"type": "integer"}}}},
      "not_answered": {"type": "array", "items": {"type": "string"},
        "description": "Gateways that did not answer: of their sessions nobody knows"},
      "not_asked": {"type": "array", "items": {"type": "string"},
        "description": "Those of them that were not asked: it would change more than one question holds"}}},
  "SessionsCutLater": {"oneOf": [{"type": "null"}, {"$ref": "#/components/schemas/SessionsCut"}],
    "description": "Those beside sessions_cut that would end when tags are lost whose loss_delay is over (kept_for). Null: nothing is lost later"},
  "TagWhatIf": {"allOf": [{"$ref": "#/components/schemas/TagEffect"}, {"type": "object",
    "required": ["referring_tags", "referring", "sessions_cut", "sessions_cut_later", "version", "warnings"], "properties": {
      "version": {"type": "string", "description": "Of the tag that it was compared with. Empty: there is none"},
      "warnings": {"type": "array", "items": {"type": "string"}, "description": "What may be saved and is probably not meant"},
      "referring_tags": {"type": "array", "items": {"type": "string"}, "description": "Tags whose rules refer to this one"},
      "referring": {"type": "array", "items": {"$ref": "#/components/schemas/TagEffect"},
        "description": "Those that would change by it, those that refer to such ones included"},
      "sessions_cut": {"$ref": "#/components/schemas/SessionsCut"},
      "sessions_cut_later": {"$ref": "#/components/schemas/SessionsCutLater"}}}]}
})";

}  // namespace

Resource tags_resource() {
  const Field q{.name = "q", .description = "In the name; case does not matter"};
  const Field kind{
      .name = "kind", .description = "Only of this kind", .values = {"security", "classification", "fabric"}};
  return {
      .name = "tags",
      .description = "Tags: the rules that make them and the endpoints that have them",
      .routes =
          {{.method = "GET",
            .path = "/api/v1/tags",
            .role = Role::kReadonly,
            .handler = list_tags,
            .summary = "All tags by name, with how many endpoints have them",
            .query = list_query({}, {q, kind}),
            .result = "Tag",
            .list = true},
           {.method = "POST",
            .path = "/api/v1/tags",
            .handler = create_tag,
            .summary = "Create a tag",
            .body_kind = BodyKind::kJson,
            .body_schema = "TagDefinition",
            .max_body = posture::kMaxTagJsonBytes,
            .success = 201,
            .result = "Tag"},
           {.method = "POST",
            .path = "/api/v1/tags/what-if",
            .role = Role::kReadonly,  // it says what readers can find out anyway, and changes nothing
            .handler = what_if,
            .summary = "Which endpoints a draft would change, compared with the tag of its name; nothing is saved, and what "
                       "could not be saved is refused",
            .query = {{.name = "limit",
                       .type = FieldType::kInteger,
                       .description = "UIDs listed of each; 100 when not given",
                       .min = 0,
                       .max = 10'000}},
            .body_kind = BodyKind::kJson,
            .body_schema = "TagDefinition",
            .max_body = posture::kMaxTagJsonBytes,
            .result = "TagWhatIf"},
           {.method = "GET",
            .path = "/api/v1/tags/{name}",
            .role = Role::kReadonly,
            .handler = show_tag,
            .summary = "One tag",
            .result = "Tag"},
           {.method = "PUT",
            .path = "/api/v1/tags/{name}",
            .handler = replace,
            .summary = "Create the tag, or replace it; another name in the body renames it",
            .body_kind = BodyKind::kJson,
            .body_schema = "TagDefinition",
            .max_body = posture::kMaxTagJsonBytes,
            .result = "Tag",
            .if_match = true},
           {.method = "DELETE",
            .path = "/api/v1/tags/{name}",
            .handler = remove_tag,
            .summary =
                "Delete a tag; policies of the gateways in shared_with that name it count it as unknown from then on",
            .result = "TagDeleted",
            .if_match = true},
           {.method = "GET",
            .path = "/api/v1/tags/{name}/last-change",
            .role = Role::kReadonly,
            .handler = show_last_change,
            .summary = "What undo would take back: whose change of when; also of a tag that was deleted",
            .result = "TagLastChange"},
           {.method = "POST",
            .path = "/api/v1/tags/{name}/undo",
            .handler = undo_tag,
            .summary = "Take the tag's last change back: saved, renamed, made or deleted. Doing so twice redoes it",
            .body_kind = BodyKind::kFields,
            .body = {{.name = "revision",
                      .type = FieldType::kInteger,
                      .description = "Of the change that is meant; 409 when another one came after it",
                      .min = 1,
                      .max = std::numeric_limits<std::int64_t>::max()},
                     {.name = "basis", .description = "As last-change told it; 409 when it is another by now"}},
            .result = "TagUndo"},
           {.method = "GET",
            .path = "/api/v1/tags/{name}/endpoints",
            .role = Role::kReadonly,
            .handler = endpoints,
            .summary = "Registered endpoints that have the tag, by host name",
            .query = list_query({}, {{.name = "state",
                                      .description = "unknown: those of which nobody knows instead",
                                      .values = {"has", "unknown"}},
                                     {.name = "online", .type = FieldType::kBoolean, .description = "Only these"},
                                     {.name = "q", .description = "In host name, UID, address, user or system"}}),
            .result = "TagEndpoint",
            .list = true}},
      .schemas = kTagSchemas};
}

}  // namespace postern::ems::api
