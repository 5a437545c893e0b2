// POST /api/v1/tags/apply: several tags saved and removed together, all or nothing; and what that would change.
#include <set>

#include <fmt/format.h>

#include "ems/api/handling.h"
#include "ems/api/input.h"
#include "ems/api/resources/resources.h"
#include "ems/api/services.h"
#include "ems/api/tag_body.h"
#include "ems/api/what_if_json.h"

namespace postern::ems::api {
namespace {

namespace json = boost::json;

constexpr std::size_t kMaxBody = 16u << 20;  // what the listener takes at most
constexpr std::size_t kMaxAsked = 200;       // tags of a what-if that everybody may ask for

json::array texts_json(const std::vector<std::string>& names) { return json::array(names.begin(), names.end()); }

EmsCore::TagVersions versions_of(const EmsCore& core, const Applied& applied) {
  EmsCore::TagVersions out;
  for (const auto* names : {&applied.created, &applied.changed, &applied.unchanged, &applied.removed}) {
    for (const auto& name : *names) out.emplace(name, core.tag_version(name));
  }
  return out;
}

json::object applied_json(const EmsCore::TagVersions& seen, const Applied& applied, bool dry_run) {
  json::object versions;
  for (const auto& [name, version] : seen) versions[name] = version;
  return {{"dry_run", dry_run},
          {"versions", std::move(versions)},
          {"created", texts_json(applied.created)},
          {"changed", texts_json(applied.changed)},
          {"unchanged", texts_json(applied.unchanged)},
          {"removed", texts_json(applied.removed)},
          {"warnings", texts_json(applied.warnings)}};
}

/// What a person knows the tag by: its name, else its place.
std::string known_as(const json::value& tag, std::size_t place) {
  const json::object* object = tag.if_object();
  const json::value* name = object == nullptr ? nullptr : object->if_contains("name");
  const json::string* text = name == nullptr ? nullptr : name->if_string();
  if (text != nullptr && valid_tag_name(std::string_view(text->data(), text->size()))) return std::string(*text);
  return fmt::format("tag {}", place);
}

/// All that is wrong with any of them is told at once.
Result<std::vector<posture::TagDefinition>> read_tags(json::value given) {
  json::array* list = given.if_array();
  if (list == nullptr) return fail(ErrorCode::kInvalidArgument, "tags: must be a list of tags");
  if (list->size() > kMaxChangeSet) {
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("tags: holds {} of them, and at most {} are saved at once: save them in several parts, those first "
                            "that others refer to",
                            list->size(), kMaxChangeSet));
  }
  std::vector<posture::TagDefinition> out;
  std::vector<posture::TagError> errors;
  for (std::size_t i = 0; i < list->size(); ++i) {
    auto name = known_as((*list)[i], i + 1);
    auto tag = read_tag(std::move((*list)[i]));
    if (!tag) errors.push_back({std::move(name), tag.error()});
    if (tag) out.push_back(std::move(*tag));
  }
  if (!errors.empty()) return fail(one_error(errors));
  return out;
}

/// Everything that the set does not save. The built-in tag stays.
std::vector<std::string> others(const EmsCore& core, const std::vector<posture::TagDefinition>& saved) {
  std::set<std::string> names;
  for (const auto& tag : saved) names.insert(tag.name.str());
  std::vector<std::string> out;
  for (const Tag* tag : core.tags()) {
    const auto& name = tag->definition.name.str();
    if (tag->id != posture::kAllRegisteredClientsId && !names.contains(name)) out.push_back(name);
  }
  return out;
}

struct Wanted {
  ChangeSet set;
  EmsCore::TagVersions expected;
  bool expected_all = false;
  bool dry_run = false;
};

/// Who saves this has seen the tags that it rests on as they are, and if he says so, all of them.
Status check_expected(const CallPtr& call, const Wanted& wanted) {
  auto seen = wanted.expected;
  if (wanted.expected_all) {
    auto behind = call->services.core.versions_behind(wanted.set);
    if (behind.size() < EmsCore::kMaxTagVersions) {
      for (auto& [name, version] : behind) seen.emplace(name, "");  // one he hasn't seen must not be there
    }
  }
  return check_seen(call, seen);
}

/// Of readers many may ask, and each tag is judged for all endpoints.
Status check_asked(const json::object& wanted) {
  std::size_t asked = 0;
  for (const std::string_view name : {"tags", "remove"}) {
    const json::value* list = wanted.if_contains(name);
    if (list != nullptr && list->is_array()) asked += list->get_array().size();
  }
  if (asked <= kMaxAsked) return {};
  return fail(ErrorCode::kInvalidArgument,
              fmt::format("{} tags are asked about, and at most {} are at once: ask in several parts, or let an administrator ask for "
                          "a dry run (postern apply --dry-run)",
                          asked, kMaxAsked));
}

/// `bounded`: what everybody may ask.
Result<Wanted> read_wanted(const CallPtr& call, bool bounded = false) {
  Result<json::value> body = parse_json(call->request.body);
  if (!body) return fail(body.error());
  json::object* object = body->if_object();
  if (object == nullptr) return fail(ErrorCode::kInvalidArgument, "the body must be a JSON object");
  if (const Status ok = bounded ? check_asked(*object) : Status(); !ok) return fail(ok.error());
  json::value tags = json::array();
  if (json::value* given = object->if_contains("tags")) {
    tags = std::move(*given);
    *given = json::array();  // checked apart
  }
  Wanted out;
  if (json::value* given = object->if_contains("expected")) {
    const json::object* versions = given->if_object();
    if (versions == nullptr) return fail(ErrorCode::kInvalidArgument, "expected: must be an object of versions by tags' names");
    if (versions->size() > EmsCore::kMaxTagVersions) {
      return fail(ErrorCode::kInvalidArgument,
                  fmt::format("expected: has {} versions, allowed are {}", versions->size(), EmsCore::kMaxTagVersions));
    }
    for (const auto& [name, version] : *versions) {
      const json::string* text = version.if_string();
      if (text == nullptr) return fail(ErrorCode::kInvalidArgument, "expected: versions are texts, as a dry run tells them");
      out.expected.emplace(std::string(name), std::string(*text));
    }
    *given = json::array();
  }
  static const std::vector<Field> kFields{
      {.name = "tags", .type = FieldType::kTexts},
      {.name = "remove", .type = FieldType::kTexts, .max = static_cast<std::int64_t>(kMaxChangeSet)},
      {.name = "prune", .type = FieldType::kBoolean},
      {.name = "dry_run", .type = FieldType::kBoolean},
      {.name = "expected", .type = FieldType::kTexts},
      {.name = "expected_all", .type = FieldType::kBoolean}};
  if (Status ok = check_fields(kFields, *object); !ok) return fail(ok.error());
  auto saved = read_tags(std::move(tags));
  if (!saved) return fail(saved.error());
  out.set.save = std::move(*saved);
  const auto flag = [&](std::string_view name) {
    const json::value* value = object->if_contains(name);
    return value != nullptr && value->get_bool();
  };
  out.dry_run = flag("dry_run");
  out.expected_all = flag("expected_all");
  if (const json::value* remove = object->if_contains("remove")) {
    for (const json::value& name : remove->get_array()) out.set.remove.emplace_back(name.get_string());
  }
  if (!flag("prune")) return out;
  if (!out.set.remove.empty()) {
    return fail(ErrorCode::kInvalidArgument, "prune removes all that tags does not hold; give it, or remove, and not both");
  }
  if (out.set.save.empty()) {
    return fail(ErrorCode::kInvalidArgument, "prune without tags would remove every tag; if that is meant, name them in remove");
  }
  out.set.remove = others(call->services.core, out.set.save);
  if (bounded && out.set.save.size() + out.set.remove.size() > kMaxAsked) {
    return fail(ErrorCode::kInvalidArgument, fmt::format("prune would remove {} tags, and at most {} are asked about at once; let an "
                                                         "administrator ask for a dry run (postern apply --dry-run --prune)",
                                                         out.set.remove.size(), kMaxAsked));
  }
  return out;
}

/// What the set would do; nothing is done.
void show_what_if(const CallPtr& call, ChangeSet set) {
  call->services.hooks.commit();  // of what is being changed at this moment, as for every reader
  const Now now = now_of(call);
  EmsCore& core = call->services.core;
  const auto versions = core.versions_behind(set);
  const auto what = core.what_if(now, std::move(set));
  if (!what) return call->fail(what.error());
  const std::size_t limit = call->query_u64("limit", kDefaultLimit);
  json::object out = applied_json(versions, what->would, true);
  json::object what_if{{"tags", tag_what_ifs_json(what->tags, limit)}, {"referring", tag_what_ifs_json(what->referring, limit)}};
  ask_sessions_cut(core, now, *what, limit, std::move(what_if), [call, out = std::move(out)](Result<json::object> told) mutable {
    if (!told) return call->fail(told.error());
    out["what_if"] = std::move(*told);
    call->reply(200, out);
  });
}

/// The dry run for those who may not save: readers can find out anyway what it says.
void what_if_tags(const CallPtr& call) {
  auto wanted = read_wanted(call, true);
  if (!wanted) return call->fail(wanted.error());
  if (const Status ok = call->services.core.check_question(wanted->set); !ok) return call->fail(ok.error());
  if (const Status ok = check_expected(call, *wanted); !ok) return call->fail(ok.error());
  show_what_if(call, std::move(wanted->set));
}

void apply_tags(const CallPtr& call) {
  auto wanted = read_wanted(call);
  if (!wanted) return call->fail(wanted.error());
  EmsCore& core = call->services.core;
  if (const Status ok = check_expected(call, *wanted); !ok) return call->fail(ok.error());
  if (wanted->dry_run) return show_what_if(call, std::move(wanted->set));
  core.apply(now_of(call), actor_of(call), std::move(wanted->set), [call](Result<Applied> done) {
    if (!done) return call->fail(done.error());
    call->reply(200, applied_json(versions_of(call->services.core, *done), *done, false));
  });
}

constexpr std::string_view kTagChangesSchemas = R"({
  "TagChanges": {"type": "object", "additionalProperties": false, "properties": {
    "tags": {"type": "array", "maxItems": 10000, "items": {"$ref": "#/components/schemas/TagDefinition"},
      "description": "Each is created, or replaces the one of its name; they may refer to one another in any order"},
    "remove": {"type": "array", "maxItems": 10000, "items": {"type": "string"}, "description": "Names of tags to remove"},
    "prune": {"type": "boolean", "default": false,
      "description": "Instead of remove: remove every tag that tags does not hold; the built-in one stays"},
    "expected": {"type": "object", "additionalProperties": {"type": "string"},
      "description": "Tags' versions by name, as a dry run told them, empty where there must be none; at most 30,000: 409 and nothing is done if one is another now, and who changed it when"},
    "expected_all": {"type": "boolean", "default": false,
      "description": "The same if there is a tag that expected does not name, and that refers to these or is referred to: one that somebody made meanwhile"},
    "dry_run": {"type": "boolean", "default": false, "description": "Check everything and say what would be done; nothing is saved"}}},
  "TagsApplied": {"type": "object", "required": ["dry_run", "versions", "created", "changed", "unchanged", "removed", "warnings"], "properties": {
    "dry_run": {"type": "boolean", "description": "Nothing was saved"},
    "versions": {"type": "object", "additionalProperties": {"type": "string"},
      "description": "Of all these tags as they are now, by name; empty: there is none. Of a dry run it is what expected takes, and there are beside them all tags on which it rests what would change: those that refer to them, directly or not, and those that any of these refer to; 30,000 at most"},
    "created": {"type": "array", "items": {"type": "string"}},
    "changed": {"type": "array", "items": {"type": "string"}},
    "unchanged": {"type": "array", "items": {"type": "string"}, "description": "They were so already and were not touched"},
    "removed": {"type": "array", "items": {"type": "string"}},
    "warnings": {"type": "array", "items": {"type": "string"}, "description": "What may be done and is probably not meant"},
    "what_if": {"type": "object", "required": ["tags", "referring", "sessions_cut", "sessions_cut_later"], "description": "Of a dry run only",
      "properties": {
        "tags": {"type": "array", "items": {"$ref": "#/components/schemas/TagEffect"}, "description": "By name"},
        "referring": {"type": "array", "items": {"$ref": "#/components/schemas/TagEffect"},
          "description": "Others that would change because they refer to these"},
        "sessions_cut": {"$ref": "#/components/schemas/SessionsCut"},
        "sessions_cut_later": {"$ref": "#/components/schemas/SessionsCutLater"}}}}}
})";

}  // namespace

Resource tag_changes_resource() {
  const Field limit{.name = "limit",
                    .type = FieldType::kInteger,
                    .description = "UIDs listed of each tag by a dry run; 100 when not given",
                    .min = 0,
                    .max = 10'000};
  return {.name = "tag changes",
          .description = "Several tags saved and removed together: all of it, or nothing",
          .routes = {{.method = "POST",
                      .path = "/api/v1/tags/apply",
                      .handler = apply_tags,
                      .summary = "Save and remove several tags in one transaction; if one is wrong, nothing is done and all "
                                 "that is wrong is told",
                      .query = {limit},
                      .body_kind = BodyKind::kJson,
                      .body_schema = "TagChanges",
                      .max_body = kMaxBody,
                      .result = "TagsApplied"},
                     {.method = "POST",
                      .path = "/api/v1/tags/apply/what-if",
                      .role = Role::kReadonly,
                      .handler = what_if_tags,
                      .summary = "What applying this would change, as a dry run says it; nothing is saved whatever dry_run is, "
                                 "and what could not be saved is refused; of 200 tags at most",
                      .query = {limit},
                      .body_kind = BodyKind::kJson,
                      .body_schema = "TagChanges",
                      .max_body = kMaxBody,
                      .result = "TagsApplied"}},
          .schemas = kTagChangesSchemas};
}

}  // namespace postern::ems::api
