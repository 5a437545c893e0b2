// /api/v1/profiles/{name}/on-fabric: where endpoints of a profile count as on-fabric; /endpoints/{uid}/on-fabric: why one does.
#include "ems/api/endpoint_json.h"
#include "ems/api/fact_json.h"
#include "ems/api/handling.h"
#include "ems/api/resources/resources.h"
#include "ems/api/services.h"
#include "posture/fact_keys.h"
#include "posture/on_fabric_json.h"

namespace postern::ems::api {
namespace {

namespace json = boost::json;

json::value sets_json(const posture::DetectionSets& sets) { return json::parse(posture::print_detection_json(sets)); }

void show_detection(const CallPtr& call) {
  const Profile* profile = call->services.core.profile(call->param("name"));
  if (profile == nullptr) return call->fail({ErrorCode::kNotFound, "there is no endpoint profile " + call->param("name")});
  call->reply(200, sets_json(profile->on_fabric));
}

void save_detection(const CallPtr& call) {
  auto sets = posture::parse_detection_json(call->request.body);
  if (!sets) return call->fail(sets.error());
  const std::string& name = call->param("name");
  call->services.core.set_detection(now_of(call), actor_of(call), name, std::move(*sets), done_showing(call, [call, name] {
                                      const Profile* now = call->services.core.profile(name);
                                      return sets_json(now == nullptr ? posture::DetectionSets() : now->on_fabric);
                                    }));
}

json::object detection_rule_json(const posture::DetectionRuleExplanation& rule) {
  json::array facts;
  for (const auto& reading : rule.facts) {
    json::object fact{{"key", reading.key}, {"text", reading.text}};
    fact["as_of"] = reading.as_of ? time_json(*reading.as_of) : json::value(nullptr);
    facts.push_back(std::move(fact));
  }
  return {{"type", rule.type}, {"verdict", std::string(posture::verdict_name(rule.verdict))}, {"condition", rule.condition},
          {"reason", rule.reason}, {"text", rule.text}, {"facts", std::move(facts)}};
}

void why_on_fabric(const CallPtr& call) {
  const auto endpoint = find_endpoint(call);
  if (!endpoint) return call->fail(endpoint.error());
  const auto why = call->services.core.explain_on_fabric(now_of(call), (*endpoint)->uid);
  if (!why) return call->fail(why.error());
  json::array sets;
  for (const auto& set : *why) {
    json::array rules;
    for (const auto& rule : set.rules) rules.push_back(detection_rule_json(rule));
    sets.push_back(json::object{{"name", set.name}, {"verdict", std::string(posture::verdict_name(set.verdict))}, {"rules", std::move(rules)}});
  }
  const auto on_fabric = (*endpoint)->known<bool>(posture::keys::kEmsOnFabric);
  json::object out{{"uid", (*endpoint)->uid.str()}, {"profile", (*endpoint)->profile}, {"sets", std::move(sets)}};
  out["on_fabric"] = on_fabric ? json::value(*on_fabric) : json::value(nullptr);
  call->reply(200, out);
}

}  // namespace

Resource on_fabric_resource() {
  return {
      .name = "on-fabric",
      .description = "Where an endpoint counts as on-fabric: sets of detection rules in its profile. Rules of different types "
                     "in one set must all hold, of one type any; one set that holds is enough",
      .routes = {{.method = "GET",
                  .path = "/api/v1/profiles/{name}/on-fabric",
                  .role = Role::kReadonly,
                  .handler = show_detection,
                  .summary = "The detection sets of a profile",
                  .result = "DetectionSets"},
                 {.method = "PUT",
                  .path = "/api/v1/profiles/{name}/on-fabric",
                  .handler = save_detection,
                  .summary = "Replace the detection sets of a profile; without any nobody can tell who is on-fabric",
                  .body_kind = BodyKind::kJson,
                  .body_schema = "DetectionSets",
                  .max_body = posture::kMaxDetectionJsonBytes,
                  .result = "DetectionSets"},
                 {.method = "GET",
                  .path = "/api/v1/endpoints/{uid}/on-fabric",
                  .role = Role::kReadonly,
                  .handler = why_on_fabric,
                  .summary = "Why an endpoint is on-fabric or not",
                  .result = "OnFabricWhy"}},
      .schemas = R"({
        "DetectionSets": {"type": "object", "required": ["sets"], "properties": {
          "sets": {"type": "array", "maxItems": 32, "items": {"type": "object", "required": ["name", "rules"], "properties": {
            "name": {"type": "string", "minLength": 1, "maxLength": 63},
            "rules": {"type": "array", "maxItems": 32, "items": {"type": "object", "required": ["type"],
              "properties": {"type": {"type": "string"}},
              "additionalProperties": {"oneOf": [{"type": "string"}, {"type": "number"}, {"type": "boolean"},
                {"type": "array", "items": {"type": "string"}}]}}}}}}}},
        "OnFabricWhy": {"type": "object", "required": ["uid", "profile", "on_fabric", "sets"], "properties": {
          "uid": {"type": "string"}, "profile": {"type": "string"},
          "on_fabric": {"type": ["boolean", "null"], "description": "Null: not known"},
          "sets": {"type": "array", "items": {"type": "object", "required": ["name", "verdict", "rules"], "properties": {
            "name": {"type": "string"}, "verdict": {"type": "string", "enum": ["no_match", "unknown", "match"]},
            "rules": {"type": "array", "items": {"type": "object"}}}}}}}})"};
}

}  // namespace postern::ems::api
