// /api/v1/profiles/{name}/ztna-destinations: what agents of a profile listen for on loopback, to reach it by a gateway.
#include <algorithm>
#include <optional>

#include "ems/api/handling.h"
#include "ems/api/resources/resources.h"
#include "ems/api/services.h"
#include "proto/destinations.h"

namespace postern::ems::api {
namespace {

namespace json = boost::json;

json::value destinations_json(const Profile* profile) {
  return json::parse(proto::print_ztna_destinations(profile == nullptr ? std::vector<proto::ZtnaDestination>() : profile->destinations));
}

/// Where it stands among those of the profile; their size: it is not there.
std::size_t destination_at(const std::vector<proto::ZtnaDestination>& all, const std::string& name) {
  return static_cast<std::size_t>(std::ranges::find(all, name, &proto::ZtnaDestination::name) - all.begin());
}

/// nullopt: answered with what is wrong. The core's state changes at once and is committed later, so that two who change
/// different destinations at the same time lose nothing.
std::optional<std::vector<proto::ZtnaDestination>> destinations_of(const CallPtr& call) {
  const Profile* profile = call->services.core.profile(call->param("name"));
  if (profile != nullptr) return profile->destinations;
  call->fail({ErrorCode::kNotFound, "there is no endpoint profile " + call->param("name")});
  return std::nullopt;
}

void no_destination(const CallPtr& call) {
  call->fail({ErrorCode::kNotFound, "there is no destination " + call->param("destination") + " in the endpoint profile " + call->param("name")});
}

/// All of the profile, with `one` changed or added; answers with that one.
void save_with(const CallPtr& call, std::vector<proto::ZtnaDestination> all, const proto::ZtnaDestination& one, int status) {
  if (auto sound = proto::check_ztna_destinations(all); !sound) return call->fail(sound.error());
  call->services.core.set_destinations(
      now_of(call), actor_of(call), call->param("name"), std::move(all),
      done_showing(call, [text = proto::print_ztna_destination(one)] { return json::parse(text); }, status));
}

void show_destination(const CallPtr& call) {
  const auto all = destinations_of(call);
  if (!all) return;
  const auto at = destination_at(*all, call->param("destination"));
  if (at == all->size()) return no_destination(call);
  call->reply(200, json::parse(proto::print_ztna_destination((*all)[at])));
}

void add_destination(const CallPtr& call) {
  auto all = destinations_of(call);
  if (!all) return;
  const auto one = proto::parse_ztna_destination(json::serialize(call->body));
  if (!one) return call->fail(one.error());
  all->push_back(*one);
  save_with(call, std::move(*all), *one, 201);
}

void change_destination(const CallPtr& call) {
  auto all = destinations_of(call);
  if (!all) return;
  const auto at = destination_at(*all, call->param("destination"));
  if (at == all->size()) return no_destination(call);
  json::value changed = json::parse(proto::print_ztna_destination((*all)[at]));
  for (const auto& [field, value] : call->body) changed.as_object()[field] = value;
  const auto one = proto::parse_ztna_destination(json::serialize(changed));
  if (!one) return call->fail(one.error());
  (*all)[at] = *one;
  save_with(call, std::move(*all), *one, 200);
}

void remove_destination(const CallPtr& call) {
  auto all = destinations_of(call);
  if (!all) return;
  const auto at = destination_at(*all, call->param("destination"));
  if (at == all->size()) return no_destination(call);
  all->erase(all->begin() + static_cast<std::ptrdiff_t>(at));
  call->services.core.set_destinations(now_of(call), actor_of(call), call->param("name"), std::move(*all), done_empty(call));
}

/// What one destination consists of; `all`: those that every one has are demanded.
std::vector<Field> destination_fields(bool all) {
  return {{.name = "name", .description = "Each name once in a profile: 1 to 63 letters, digits, dots, hyphens, underscores", .required = all, .min = 1, .max = 63},
          {.name = "host", .description = "As the gateway has it configured: a name or an address", .required = all, .min = 1},
          {.name = "port", .type = FieldType::kInteger, .description = "Of the host", .required = all, .min = 1, .max = 65535},
          {.name = "gateway", .description = "Access proxy, host:port", .required = all, .min = 1},
          {.name = "path", .description = "Of its api-gateway; / unless given", .min = 1},
          {.name = "ca", .description = "PEM; empty: the endpoint's CAs", .max = 60'000, .multiline = true},
          {.name = "fingerprint", .description = "SHA-256 of the gateway's certificate, instead of a CA; empty: none"},
          {.name = "listen", .description = "Loopback address:port; port 0: the agent chooses", .min = 1}};
}

void show_destinations(const CallPtr& call) {
  const Profile* profile = call->services.core.profile(call->param("name"));
  if (profile == nullptr) return call->fail({ErrorCode::kNotFound, "there is no endpoint profile " + call->param("name")});
  call->reply(200, destinations_json(profile));
}

void save_destinations(const CallPtr& call) {
  auto destinations = proto::parse_ztna_destinations(call->request.body);
  if (!destinations) return call->fail(destinations.error());
  const std::string& name = call->param("name");
  call->services.core.set_destinations(now_of(call), actor_of(call), name, std::move(*destinations), done_showing(call, [call, name] {
                                         return destinations_json(call->services.core.profile(name));
                                       }));
}

}  // namespace

Resource ztna_destinations_resource() {
  return {.name = "ztna-destinations",
          .description = "ZTNA destinations of a profile: the agent listens for each on loopback and carries connections to it "
                         "through an access proxy",
          .routes = {{.method = "GET",
                      .path = "/api/v1/profiles/{name}/ztna-destinations",
                      .role = Role::kReadonly,
                      .handler = show_destinations,
                      .summary = "The ZTNA destinations of a profile",
                      .result = "ZtnaDestinations"},
                     {.method = "PUT",
                      .path = "/api/v1/profiles/{name}/ztna-destinations",
                      .handler = save_destinations,
                      .summary = "Replace the ZTNA destinations of a profile",
                      .body_kind = BodyKind::kJson,
                      .body_schema = "ZtnaDestinations",
                      .max_body = proto::kMaxDestinationsJson,
                      .result = "ZtnaDestinations"},
                     {.method = "POST",
                      .path = "/api/v1/profiles/{name}/ztna-destinations",
                      .handler = add_destination,
                      .summary = "Add a ZTNA destination to a profile",
                      .body_kind = BodyKind::kFields,
                      .body = destination_fields(true),
                      .max_body = 128u << 10,
                      .success = 201,
                      .result = "ZtnaDestination"},
                     {.method = "GET",
                      .path = "/api/v1/profiles/{name}/ztna-destinations/{destination}",
                      .role = Role::kReadonly,
                      .handler = show_destination,
                      .summary = "One ZTNA destination of a profile",
                      .result = "ZtnaDestination"},
                     {.method = "PATCH",
                      .path = "/api/v1/profiles/{name}/ztna-destinations/{destination}",
                      .handler = change_destination,
                      .summary = "Change a ZTNA destination of a profile; a field that is not given keeps its value",
                      .body_kind = BodyKind::kFields,
                      .body = destination_fields(false),
                      .max_body = 128u << 10,
                      .result = "ZtnaDestination"},
                     {.method = "DELETE",
                      .path = "/api/v1/profiles/{name}/ztna-destinations/{destination}",
                      .handler = remove_destination,
                      .summary = "Remove a ZTNA destination from a profile; what agents carry to it ends",
                      .success = 204}},
          .schemas = R"({
        "ZtnaDestination": {"type": "object", "required": ["name", "host", "port", "gateway"], "properties": {
          "name": {"type": "string", "minLength": 1, "maxLength": 63},
          "host": {"type": "string", "description": "As the gateway has it configured"},
          "port": {"type": "integer", "minimum": 1, "maximum": 65535},
          "gateway": {"type": "string", "description": "Access proxy, host:port"},
          "path": {"type": "string", "description": "Of its api-gateway; / unless given"},
          "ca": {"type": "string", "description": "PEM; empty: the endpoint's CAs"},
          "fingerprint": {"type": "string", "description": "SHA-256 of the gateway's certificate; instead of a CA"},
          "listen": {"type": "string", "description": "Loopback address:port; port 0: the agent chooses"}}},
        "ZtnaDestinations": {"type": "object", "required": ["destinations"], "properties": {
          "destinations": {"type": "array", "maxItems": 64, "items": {"$ref": "#/components/schemas/ZtnaDestination"}}}}})"};
}

}  // namespace postern::ems::api
