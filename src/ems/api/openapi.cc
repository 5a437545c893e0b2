#include "ems/api/openapi.h"

#include <boost/json.hpp>

#include <set>
#include <stdexcept>

#include "base/text.h"

namespace postern::ems::api {
namespace {

namespace json = boost::json;

constexpr std::string_view kCommonSchemas = R"({
  "Error": {"type": "object", "required": ["error"], "properties": {"error": {"type": "object",
    "required": ["code", "message", "request_id"], "properties": {
      "code": {"type": "string", "description": "Stable; branch on this and never on the message",
        "enum": ["invalid_argument", "not_found", "already_exists", "conflict", "unauthenticated",
          "permission_denied", "resource_exhausted", "unavailable", "deadline_exceeded", "data_loss",
          "unsupported", "internal"]},
      "message": {"type": "string", "description": "For a person: what failed and what to do"},
      "request_id": {"type": "string", "description": "Also in the X-Request-Id header and in the log"}}}}}
})";

json::object ref(const std::string& component) { return {{"$ref", "#/components/schemas/" + component}}; }

json::object schema_of(const Field& field, bool in_query) {
  json::object schema;
  json::array values;
  for (const std::string& v : field.values) values.emplace_back(v);
  switch (field.type) {
    case FieldType::kText:
      schema["type"] = "string";
      if (!values.empty()) {
        schema["enum"] = std::move(values);
      } else {
        schema["minLength"] = field.min > 0 ? 1 : 0;
        schema["maxLength"] = field.max;
      }
      break;
    case FieldType::kInteger:
      schema = {{"type", "integer"}, {"minimum", field.min}, {"maximum", field.max}};
      break;
    case FieldType::kBoolean:
      schema["type"] = "boolean";
      break;
    case FieldType::kScalar:
      schema["type"] = json::array{"string", "integer", "boolean"};
      break;
    case FieldType::kTexts: {
      json::object item{{"type", "string"}};
      if (!values.empty()) item["enum"] = std::move(values);
      schema = {{"type", "array"}, {"items", std::move(item)}, {"minItems", field.min}, {"maxItems", field.max}};
      break;
    }
  }
  if (!in_query && !field.description.empty()) schema["description"] = field.description;
  return schema;
}

json::array parameters_of(const Route& route) {
  json::array parameters;
  for (std::string_view segment : split(route.path, '/')) {
    if (segment.size() < 3 || segment.front() != '{') continue;
    parameters.push_back(json::object{{"name", std::string(segment.substr(1, segment.size() - 2))},
                                      {"in", "path"},
                                      {"required", true},
                                      {"schema", json::object{{"type", "string"}}}});
  }
  for (const Field& field : route.query) {
    parameters.push_back(json::object{{"name", field.name},
                                      {"in", "query"},
                                      {"required", field.required},
                                      {"description", field.description},
                                      {"schema", schema_of(field, true)}});
  }
  if (route.if_match) {
    parameters.push_back(json::object{{"name", "If-Match"},
                                      {"in", "header"},
                                      {"required", false},
                                      {"description", "The version that was seen, in quotes as ETag has it: nothing is done if it is another now"},
                                      {"schema", json::object{{"type", "string"}}}});
  }
  return parameters;
}

json::object content(std::string_view type, json::object schema) {
  json::object media;
  media[type] = json::object{{"schema", std::move(schema)}};
  return media;
}

json::object request_body_of(const Route& route) {
  if (route.body_kind == BodyKind::kBytes) {
    return {{"required", true}, {"content", content("application/octet-stream", json::object{})}};
  }
  if (route.body_kind == BodyKind::kJson) {
    return {{"required", true}, {"content", content("application/json", ref(route.body_schema))}};
  }
  json::object properties;
  json::array required;
  for (const Field& field : route.body) {
    properties[field.name] = schema_of(field, false);
    if (field.required) required.emplace_back(field.name);
  }
  const bool needed = !required.empty();
  json::object schema{{"type", "object"}, {"properties", std::move(properties)}, {"additionalProperties", false}};
  if (needed) schema["required"] = std::move(required);
  return {{"required", needed}, {"content", content("application/json", std::move(schema))}};
}

json::object responses_of(const Route& route) {
  json::object success{{"description", route.success == 204 ? "Done" : route.summary}};
  if (route.list) {
    json::object page{{"type", "object"}, {"required", json::array{"items", "next_cursor", "total"}}};
    page["properties"] = json::object{
        {"items", json::object{{"type", "array"}, {"items", ref(route.result)}}},
        {"next_cursor", json::object{{"type", json::array{"string", "null"}}}},
        {"total", json::object{{"type", json::array{"integer", "null"}},
                               {"description", "Items over all pages; null for a log, whose entries nobody counts"}}}};
    success["content"] = content("application/json", std::move(page));
  } else if (!route.result.empty()) {
    success["content"] = content("application/json", ref(route.result));
  }
  json::object responses;
  responses[std::to_string(route.success)] = std::move(success);
  if (route.role == Role::kAdmin) {
    responses["403"] = json::object{{"description", "The role readonly is not enough: this needs admin"},
                                    {"content", content("application/json", ref("Error"))}};
  }
  if (route.if_match) {
    responses["412"] = json::object{{"description", "The tag is another than If-Match says: who changed it when is told"},
                                    {"content", content("application/json", ref("Error"))}};
  }
  responses["default"] =
      json::object{{"description", "An error"}, {"content", content("application/json", ref("Error"))}};
  return responses;
}

/// Each of them is enough. What changes something needs the CSRF token beside the session's cookie.
json::array security_of(const Route& route) {
  if (route.role == Role::kAnyone) return {};
  json::object session{{"session", json::array{}}};
  if (route.method != "GET") session["csrf"] = json::array{};
  json::array out;
  if (!route.session_only) out.push_back(json::object{{"token", json::array{}}});
  out.push_back(std::move(session));
  return out;
}

json::object operation_of(const Resource& resource, const Route& route) {
  json::object operation{{"tags", json::array{resource.name}}, {"summary", route.summary}};
  std::string id = to_lower(route.method);
  for (std::string_view segment :
       split(std::string_view(route.path).substr(std::string_view("/api/v1/").size()), '/')) {
    id += '_';
    for (char c : segment) {
      if (c != '{' && c != '}') id += c == '-' || c == '.' ? '_' : c;
    }
  }
  operation["operationId"] = id;
  if (json::array parameters = parameters_of(route); !parameters.empty())
    operation["parameters"] = std::move(parameters);
  const bool fields = route.body_kind == BodyKind::kFields;
  if (fields || route.body_kind == BodyKind::kJson || route.body_kind == BodyKind::kBytes) {
    operation["requestBody"] = request_body_of(route);
  }
  operation["responses"] = responses_of(route);
  operation["security"] = security_of(route);
  if (route.role != Role::kAnyone) {
    operation["x-postern-role"] = route.role == Role::kAdmin ? "admin" : "readonly";
  }
  return operation;
}

void add_schemas(json::object& all, std::string_view text, const std::string& whose) {
  json::error_code error;
  json::value parsed = json::parse(json::string_view(text.data(), text.size()), error);
  if (error || !parsed.is_object()) throw std::logic_error("schemas of " + whose + " are not a JSON object");
  for (auto& [name, schema] : parsed.as_object()) {
    if (!all.emplace(name, std::move(schema)).second) throw std::logic_error("component twice: " + std::string(name));
  }
}

void collect_refs(const json::value& value, std::set<std::string>& refs) {
  if (const json::object* object = value.if_object()) {
    for (const auto& [name, member] : *object) {
      if (name == "$ref" && member.is_string()) refs.emplace(member.get_string());
      collect_refs(member, refs);
    }
  } else if (const json::array* array = value.if_array()) {
    for (const json::value& item : *array) collect_refs(item, refs);
  }
}

}  // namespace

std::string openapi_document(const std::vector<Resource>& resources, std::string_view version) {
  json::object schemas, paths;
  json::array tags;
  add_schemas(schemas, kCommonSchemas, "the API");
  for (const Resource& resource : resources) {
    bool described = false;
    if (!resource.schemas.empty()) add_schemas(schemas, resource.schemas, resource.name);
    for (const Route& route : resource.routes) {
      if (!route.path.starts_with("/api/")) continue;
      described = true;
      json::value& path = paths[route.path];
      if (path.is_null()) path = json::object{};
      path.as_object()[to_lower(route.method)] = operation_of(resource, route);
    }
    if (described) tags.push_back(json::object{{"name", resource.name}, {"description", resource.description}});
  }
  json::object document{
      {"openapi", "3.1.0"},
      {"info", json::object{{"title", "Postern EMS"},
                            {"version", std::string(version)},
                            {"description", "Endpoints, security posture tags and fabric devices of one EMS"},
                            {"license", json::object{{"name", "Apache-2.0"}, {"identifier", "Apache-2.0"}}}}},
      {"servers", json::array{json::object{{"url", "/"}}}},
      {"tags", std::move(tags)},
      {"paths", std::move(paths)},
      {"components",
       json::object{{"schemas", std::move(schemas)},
                    {"securitySchemes",
                     json::object{{"token", json::object{{"type", "http"}, {"scheme", "bearer"}}},
                                  {"session", json::object{{"type", "apiKey"},
                                                           {"in", "cookie"},
                                                           {"name", "__Host-postern-ems"}}},
                                  {"csrf", json::object{{"type", "apiKey"},
                                                        {"in", "header"},
                                                        {"name", "X-CSRF-Token"}}}}}}}};
  std::set<std::string> refs;
  collect_refs(document, refs);
  const json::object& defined = document["components"].as_object()["schemas"].as_object();
  for (const std::string& r : refs) {
    const std::string_view prefix = "#/components/schemas/";
    if (!r.starts_with(prefix) || !defined.contains(r.substr(prefix.size()))) {
      throw std::logic_error("OpenAPI refers to " + r + ", which nobody defines");
    }
  }
  return json::serialize(document);
}

}  // namespace postern::ems::api
