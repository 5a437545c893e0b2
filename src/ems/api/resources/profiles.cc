// /api/v1/profiles: what endpoints are told about themselves and how often they report.
#include "ems/api/handling.h"
#include "ems/api/resources/resources.h"
#include "ems/api/services.h"

namespace postern::ems::api {
namespace {

namespace json = boost::json;

constexpr std::int64_t kMinInterval = 60;
constexpr std::int64_t kMaxInterval = 7 * 24 * 3600;

json::object profile_json(const Profile& p) {
  return {{"name", p.name},
          {"show_security_posture_tag", p.show_tags},
          {"vulnerability_scan", p.vulnerability_scan},
          {"inventory_interval_s", p.inventory_interval.count()},
          {"comment", p.comment}};
}

Error no_profile(const std::string& name) { return {ErrorCode::kNotFound, "there is no endpoint profile " + name}; }

void list_profiles(const CallPtr& call) {
  reply_page(call, call->services.core.profiles(), [](const Profile* p) { return p->name; },
             [](const Profile* p) { return profile_json(*p); });
}

void show_profile(const CallPtr& call) {
  const Profile* profile = call->services.core.profile(call->param("name"));
  if (profile == nullptr) return call->fail(no_profile(call->param("name")));
  call->reply(200, profile_json(*profile));
}

void save_profile(const CallPtr& call) {
  const std::string& name = call->param("name");
  if (const auto said = call->text("name"); said && *said != name) {
    return call->fail({ErrorCode::kInvalidArgument, "name: must be that of the address; a profile can't be renamed"});
  }
  const Profile* before = call->services.core.profile(name);
  Profile profile = before == nullptr ? Profile() : *before;
  profile.name = name;
  if (const auto show_tags = call->boolean("show_security_posture_tag")) profile.show_tags = *show_tags;
  if (const auto scan = call->boolean("vulnerability_scan")) profile.vulnerability_scan = *scan;
  if (const auto interval = call->integer("inventory_interval_s")) profile.inventory_interval = Seconds(*interval);
  if (auto comment = call->text("comment")) profile.comment = std::move(*comment);
  call->services.core.save_profile(now_of(call), actor_of(call), std::move(profile), [call, name](Status done) {
    if (!done) return call->fail(done.error());
    const Profile* after = call->services.core.profile(name);
    if (after == nullptr) return call->fail(no_profile(name));  // deleted in the same moment
    call->reply(200, profile_json(*after));
  });
}

void remove_profile(const CallPtr& call) {
  call->services.core.delete_profile(now_of(call), actor_of(call), call->param("name"), done_empty(call));
}

}  // namespace

Resource profiles_resource() {
  return {.name = "profiles",
          .description = "Endpoint profiles; one called Default always exists",
          .routes = {{.method = "GET",
                      .path = "/api/v1/profiles",
                      .role = Role::kReadonly,
                      .handler = list_profiles,
                      .summary = "All endpoint profiles by name",
                      .query = list_query({}),
                      .result = "Profile",
                      .list = true},
                     {.method = "GET",
                      .path = "/api/v1/profiles/{name}",
                      .role = Role::kReadonly,
                      .handler = show_profile,
                      .summary = "One endpoint profile",
                      .result = "Profile"},
                     {.method = "PUT",
                      .path = "/api/v1/profiles/{name}",
                      .handler = save_profile,
                      .summary = "Create or change a profile; a field that is not given keeps its value",
                      .body_kind = BodyKind::kFields,
                      .body = {{.name = "name", .description = "That of the address"},
                               {.name = "show_security_posture_tag",
                                .type = FieldType::kBoolean,
                                .description = "The agent shows its user the endpoint's tags; false in a new profile"},
                               {.name = "vulnerability_scan",
                                .type = FieldType::kBoolean,
                                .description = "Match the endpoint's packages; true in a new profile"},
                               {.name = "inventory_interval_s",
                                .type = FieldType::kInteger,
                                .description = "Seconds between two inventories at most; 3600 in a new profile",
                                .min = kMinInterval,
                                .max = kMaxInterval},
                               {.name = "comment", .description = "For administrators", .multiline = true}},
                      .result = "Profile"},
                     {.method = "DELETE",
                      .path = "/api/v1/profiles/{name}",
                      .handler = remove_profile,
                      .summary = "Delete a profile that no registered endpoint uses",
                      .success = 204}},
          .schemas = R"({"Profile": {"type": "object",
            "required": ["name", "show_security_posture_tag", "vulnerability_scan", "inventory_interval_s", "comment"],
            "properties": {
              "name": {"type": "string"},
              "show_security_posture_tag": {"type": "boolean"},
              "vulnerability_scan": {"type": "boolean"},
              "inventory_interval_s": {"type": "integer"},
              "comment": {"type": "string"}}}})"};
}

}  // namespace postern::ems::api
