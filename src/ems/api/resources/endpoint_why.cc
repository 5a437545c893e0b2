// /api/v1/endpoints/{uid}/tags/{tag}/why: every rule, what it read, how old that was, what it concluded; now or then.
#include <fmt/format.h>

#include "ems/api/endpoint_json.h"
#include "ems/api/fact_json.h"
#include "ems/api/handling.h"
#include "ems/api/input.h"
#include "ems/api/resources/resources.h"
#include "ems/api/services.h"

namespace postern::ems::api {
namespace {

namespace json = boost::json;

json::object reading_json(const posture::FactReading& reading) {
  json::object out;
  if (reading.fact) {
    out = fact_json(reading.key, *reading.fact);
  } else {
    out = {{"key", reading.key}, {"known", false}, {"unknown_reason", "not_reported"}};
    out["collected_at"] = nullptr;
    out["source"] = nullptr;
  }
  out["text"] = reading.text;
  out["age_ms"] = reading.age ? json::value(reading.age->count()) : json::value(nullptr);
  out["as_of"] = reading.as_of ? time_json(*reading.as_of) : json::value(nullptr);
  return out;
}

json::object rule_json(const posture::RuleExplanation& rule) {
  json::array facts;
  for (const posture::FactReading& reading : rule.facts) facts.push_back(reading_json(reading));
  json::object out{{"id", rule.id},
          {"type", rule.type},
          {"negate", rule.negate},
          {"verdict", std::string(posture::verdict_name(rule.verdict))},
          {"condition", rule.condition},
          {"reason", rule.reason},
          {"text", rule.text},
          {"facts", std::move(facts)}};
  out["max_age"] = rule.max_age ? json::value(rule.max_age->count()) : json::value(nullptr);
  out["holds_until"] = rule.until ? time_json(*rule.until) : json::value(nullptr);
  return out;
}

/// Why gateways refused it at that moment whatever its tags said; null: they did not, or nobody noted since when.
json::value refused_json(const Endpoint& e, WallTime at, WallTime now) {
  const bool since = e.unregistered_at != WallTime();
  if (e.registered() || (at < now && (!since || at < e.unregistered_at))) return nullptr;
  return json::value(fmt::format("the endpoint is {}{}: gateways refuse it, whatever its tags say",
                                 registration_name(e.registration),
                                 since ? " since " + to_iso8601(e.unregistered_at) : ""));
}

json::object why_json(const EndpointUid& uid, WallTime at, const posture::TagExplanation& why) {
  json::array rules;
  for (const posture::RuleExplanation& rule : why.rules) rules.push_back(rule_json(rule));
  json::object out{{"uid", uid.str()},
                   {"tag", why.name.str()},
                   {"at", time_json(at)},
                   {"state", std::string(posture::tag_state_name(why.state))},
                   {"reason", why.reason},
                   {"text", why.text}};
  out["os"] = why.os ? json::value(std::string(posture::os_family_name(*why.os))) : json::value(nullptr);
  out["os_fact"] = why.os_fact.key.empty() ? json::value(nullptr) : json::value(reading_json(why.os_fact));
  out["logic"] = why.logic.empty() ? json::value(nullptr) : json::value(why.logic);
  out["rules"] = std::move(rules);
  out["holds_until"] = why.until ? time_json(*why.until) : json::value(nullptr);
  return out;
}

void why(const CallPtr& call) {
  const auto endpoint = find_endpoint(call);
  if (!endpoint) return call->fail(endpoint.error());
  const auto uid = (*endpoint)->uid;
  const Now now = now_of(call);
  WallTime at = now.wall;
  if (const std::string text = call->query("at"); !text.empty()) {
    const auto time = parse_time(text);
    if (!time) return call->fail(time.error().context("at"));
    if (*time > now.wall) return call->fail({ErrorCode::kInvalidArgument, "at: is in the future"});
    at = *time;
  }
  const auto show = [call, uid, at, now](const Result<posture::TagExplanation>& why) {
    if (!why) return call->fail(why.error());
    auto out = why_json(uid, at, *why);
    const auto* e = call->services.core.endpoint(uid);  // removed meanwhile?
    out["refused"] = e == nullptr ? json::value(nullptr) : refused_json(*e, at, now.wall);
    call->reply(200, std::move(out));
  };
  if (at < now.wall) return call->services.core.explain_past(now, uid, call->param("tag"), at, show);
  show(call->services.core.explain(now, uid, call->param("tag")));
}

}  // namespace

Resource endpoint_why_resource() {
  return {
      .name = "endpoint why",
      .description = "Why an endpoint has a tag or not",
      .routes = {{.method = "GET",
                  .path = "/api/v1/endpoints/{uid}/tags/{tag}/why",
                  .role = Role::kReadonly,
                  .handler = why,
                  .summary = "Each rule with what it read and what it concluded",
                  .query = {{.name = "at",
                             .description = "As it was then, of the tag that had this name then: 2026-11-24T14:02:03Z. 404 when no "
                                            "tag was called so, or the change log does not reach back that far",
                             .min = 1,
                             .max = 40}},
                  .result = "Why"}},
      .schemas = R"({
            "FactReading": {"type": "object", "required": ["key", "known", "text", "age_ms", "as_of", "collected_at", "source"],
              "properties": {
                "key": {"type": "string"}, "known": {"type": "boolean"},
                "value": {"description": "There only when known"},
                "unknown_reason": {"type": "string",
                  "enum": ["unsupported", "denied", "stale", "failed", "not_reported"]},
                "text": {"type": "string", "description": "The value, or why there is none, for a person"},
                "age_ms": {"type": ["integer", "null"], "description": "Since it was collected"},
                "as_of": {"type": ["string", "null"], "format": "date-time",
                  "description": "Until when it is known to have held: the agent tells changes at once, so its last sign of life counts"},
                "collected_at": {"type": ["string", "null"], "format": "date-time"},
                "source": {"type": ["string", "null"]}}},
            "Why": {"type": "object",
              "required": ["uid", "tag", "at", "refused", "state", "reason", "text", "os", "os_fact", "logic", "rules", "holds_until"],
              "properties": {
                "uid": {"type": "string"}, "tag": {"type": "string"},
                "at": {"type": "string", "format": "date-time"},
                "refused": {"type": ["string", "null"],
                  "description": "Why gateways refuse it whatever its tags say: it is deregistered or revoked. Null: they don't"},
                "state": {"type": "string", "enum": ["absent", "unknown", "has"]},
                "reason": {"type": "string",
                  "enum": ["logic", "disabled", "no_rules", "no_rules_for_os", "os_unknown", "os_unsupported", "silent",
                    "built_in", "by_hand", "held", "not_in_force"]},
                "text": {"type": "string"}, "os": {"type": ["string", "null"]},
                "os_fact": {"oneOf": [{"type": "null"}, {"$ref": "#/components/schemas/FactReading"}]},
                "logic": {"type": ["string", "null"], "description": "The expression over rule numbers: 1 and 2"},
                "holds_until": {"type": ["string", "null"], "format": "date-time",
                  "description": "Then time alone changes the state, if nothing is reported; null: never"},
                "rules": {"type": "array", "items": {"type": "object",
                  "required": ["id", "type", "negate", "verdict", "condition", "reason", "text", "facts", "max_age", "holds_until"],
                  "properties": {
                    "id": {"type": "integer"}, "type": {"type": "string"}, "negate": {"type": "boolean"},
                    "verdict": {"type": "string", "enum": ["no_match", "unknown", "match"]},
                    "condition": {"type": "string"}, "reason": {"type": "string"}, "text": {"type": "string"},
                    "max_age": {"type": ["integer", "null"], "description": "Seconds: the rule takes no older fact"},
                    "holds_until": {"type": ["string", "null"], "format": "date-time",
                      "description": "Then time alone changes the rule's verdict; null: never"},
                    "facts": {"type": "array", "items": {"$ref": "#/components/schemas/FactReading"}}}}}}}})"};
}

}  // namespace postern::ems::api
