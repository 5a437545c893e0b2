// /api/v1/endpoints/{uid}/attributes: what other systems know of an endpoint, such as a score; rules can read it.
#include "ems/api/endpoint_json.h"
#include "ems/api/fact_json.h"
#include "ems/api/handling.h"
#include "ems/api/resources/resources.h"
#include "ems/api/services.h"

namespace postern::ems::api {
namespace {

namespace json = boost::json;

json::object attribute_json(const std::string& name, const Attribute& attribute, WallTime now) {
  json::object out{{"name", name}, {"set_at", time_json(attribute.set_at)}, {"set_by", attribute.set_by}};
  std::visit([&out](const auto& value) { out["value"] = value; }, attribute.value);
  out["expires_at"] = attribute.expires_at ? time_json(*attribute.expires_at) : json::value(nullptr);
  out["expired"] = attribute.expires_at && *attribute.expires_at <= now;
  return out;
}

void list_attributes(const CallPtr& call) {
  const auto endpoint = find_endpoint(call);
  if (!endpoint) return call->fail(endpoint.error());
  const auto now = now_of(call).wall;
  reply_page(call, (*endpoint)->attributes, [](const auto& entry) { return entry.first; },
             [now](const auto& entry) { return attribute_json(entry.first, entry.second, now); });
}

void set_attribute(const CallPtr& call) {
  const auto endpoint = find_endpoint(call);
  if (!endpoint) return call->fail(endpoint.error());
  const json::value& given = call->body.at("value");
  EmsCore::AttributeValue value;
  if (const bool* flag = given.if_bool()) value = *flag;
  if (const std::int64_t* number = given.if_int64()) value = *number;
  if (const json::string* text = given.if_string()) value = std::string(*text);
  std::optional<Seconds> expires_in;
  if (const auto seconds = call->integer("expires_in")) expires_in = Seconds(*seconds);
  const auto uid = (*endpoint)->uid;
  const auto& name = call->param("name");
  call->services.core.set_attribute(
      now_of(call), actor_of(call), uid, name, std::move(value), expires_in, done_showing(call, [call, uid, name] {
        const Endpoint* now = call->services.core.endpoint(uid);
        const auto it = now == nullptr ? std::map<std::string, Attribute>::const_iterator() : now->attributes.find(name);
        if (now == nullptr || it == now->attributes.end()) return json::object();  // gone in the same moment
        return attribute_json(name, it->second, now_of(call).wall);
      }));
}

void remove_attribute(const CallPtr& call) {
  const auto endpoint = find_endpoint(call);
  if (!endpoint) return call->fail(endpoint.error());
  call->services.core.remove_attribute(now_of(call), actor_of(call), (*endpoint)->uid, call->param("name"),
                                       done_empty(call));
}

}  // namespace

Resource endpoint_attributes_resource() {
  const std::string of = "/api/v1/endpoints/{uid}/attributes";
  return {
      .name = "endpoint attributes",
      .description = "What other systems know of an endpoint (a score of an EDR or MDM, an owner); rules read it until it "
                     "expires, and from then on it is unknown",
      .routes = {{.method = "GET",
                  .path = of,
                  .role = Role::kReadonly,
                  .handler = list_attributes,
                  .summary = "All attributes by name",
                  .query = list_query({}),
                  .result = "EndpointAttribute",
                  .list = true},
                 {.method = "PUT",
                  .path = of + "/{name}",
                  .handler = set_attribute,
                  .summary = "Set one; scores are called score.<provider> and are 0 to 100",
                  .body_kind = BodyKind::kFields,
                  .body = {{.name = "value", .type = FieldType::kScalar, .required = true},
                           {.name = "expires_in",
                            .type = FieldType::kInteger,
                            .description = "Seconds; not given: it holds until it is set again",
                            .min = 60,
                            .max = 366 * 24 * 3600}},
                  .result = "EndpointAttribute"},
                 {.method = "DELETE", .path = of + "/{name}", .handler = remove_attribute, .summary = "Remove one", .success = 204}},
      .schemas = R"({
        "EndpointAttribute": {"type": "object", "required": ["name", "value", "set_at", "set_by", "expires_at", "expired"],
          "properties": {
            "name": {"type": "string"}, "value": {"type": ["string", "integer", "boolean"]},
            "set_at": {"type": "string", "format": "date-time"}, "set_by": {"type": "string"},
            "expires_at": {"type": ["string", "null"], "format": "date-time"}, "expired": {"type": "boolean"}}}})"};
}

}  // namespace postern::ems::api
