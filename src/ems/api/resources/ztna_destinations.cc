// /api/v1/profiles/{name}/ztna-destinations: what agents of a profile listen for on loopback, to reach it by a gateway.
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
                      .result = "ZtnaDestinations"}},
          .schemas = R"({
        "ZtnaDestinations": {"type": "object", "required": ["destinations"], "properties": {
          "destinations": {"type": "array", "maxItems": 64, "items": {"type": "object",
            "required": ["name", "host", "port", "gateway"], "properties": {
            "name": {"type": "string", "minLength": 1, "maxLength": 63},
            "host": {"type": "string", "description": "As the gateway has it configured"},
            "port": {"type": "integer", "minimum": 1, "maximum": 65535},
            "gateway": {"type": "string", "description": "Access proxy, host:port"},
            "path": {"type": "string", "description": "Of its api-gateway; / unless given"},
            "ca": {"type": "string", "description": "PEM; empty: the endpoint's CAs"},
            "fingerprint": {"type": "string", "description": "SHA-256 of the gateway's certificate; instead of a CA"},
            "listen": {"type": "string", "description": "Loopback address:port; port 0: the agent chooses"}}}}}}})"};
}

}  // namespace postern::ems::api
