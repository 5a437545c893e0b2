#include "cli/tag_schema.h"

#include <boost/json.hpp>

#include "cli/json_view.h"

namespace postern::cli {
namespace {

namespace json = boost::json;

constexpr int kDeepestReference = 8;

const json::value* resolved(const json::value& schemas, const json::value& schema) {
  const std::string reference = text_at(schema, "$ref");
  if (reference.empty()) return &schema;
  return member(schemas, reference.substr(reference.rfind('/') + 1));
}

/// null, false, 0, "", [] and {}.
bool is_empty(const json::value& value) {
  if (const bool* flag = value.if_bool()) return !*flag;
  if (const auto* number = value.if_int64()) return *number == 0;
  if (const auto* number = value.if_uint64()) return *number == 0;
  if (const auto* text = value.if_string()) return text->empty();
  if (const auto* list = value.if_array()) return list->empty();
  if (const auto* object = value.if_object()) return object->empty();
  return value.is_null();
}

}  // namespace

TagSchema::TagSchema(TagSchema&&) noexcept = default;
TagSchema::~TagSchema() = default;

TagSchema::TagSchema(const json::value& openapi)
    : defaults_(std::make_unique<Defaults>()), rule_defaults_(std::make_unique<Defaults>()) {
  const json::value* components = member(openapi, "components");
  const json::value* schemas = components == nullptr ? nullptr : member(*components, "schemas");
  const json::value* tag = schemas == nullptr ? nullptr : member(*schemas, "Tag");
  if (tag != nullptr) read(*schemas, *tag, 0);
}

Result<TagSchema> TagSchema::ask(Session& session) {
  const auto api = session.api();
  if (!api) return fail(api.error());
  const auto openapi = (*api)->get("openapi.json");
  if (!openapi) return fail(openapi.error());
  return TagSchema(*openapi);
}

void TagSchema::read(const json::value& schemas, const json::value& given, int depth) {
  const json::value* schema = resolved(schemas, given);
  if (schema == nullptr || depth > kDeepestReference) return;
  for (const json::value& part : list_at(*schema, "allOf")) read(schemas, part, depth + 1);
  const json::value* properties = member(*schema, "properties");
  const json::object* members = properties == nullptr ? nullptr : properties->if_object();
  if (members == nullptr) return;
  for (const auto& [key, described] : *members) {
    const std::string name(key);
    if (is_true(described, "readOnly")) read_only_.insert(name);
    if (const json::value* otherwise = member(described, "default")) defaults_->emplace(name, *otherwise);
    if (name != "rules") continue;
    const json::value* items = member(described, "items");
    const json::value* rule = items == nullptr ? nullptr : resolved(schemas, *items);
    const json::value* of_rule = rule == nullptr ? nullptr : member(*rule, "properties");
    if (of_rule == nullptr || !of_rule->is_object()) continue;
    for (const auto& [parameter, one] : of_rule->as_object()) {
      if (const json::value* otherwise = member(one, "default"))
        rule_defaults_->emplace(std::string(parameter), *otherwise);
    }
  }
}

bool TagSchema::says_nothing(std::string_view name, const json::value& value) const {
  const auto it = defaults_->find(name);
  return it == defaults_->end() ? is_empty(value) : it->second == value;
}
bool TagSchema::rule_says_nothing(std::string_view name, const json::value& value) const {
  const auto it = rule_defaults_->find(name);
  // At most 0 is not at most anything, and "no authority" not "whichever".
  return it == rule_defaults_->end() ? value.is_null() : it->second == value;
}

json::object TagSchema::definition(const json::object& tag) const {
  json::object out;
  for (const auto& [key, value] : tag) {
    const std::string name(key);
    if (read_only(name) || (is_empty(value) && says_nothing(name, value))) continue;
    const json::array* rules = name == "rules" ? value.if_array() : nullptr;
    if (rules == nullptr) {
      out[key] = value;
      continue;
    }
    json::array kept;
    for (const json::value& rule : *rules) {
      if (!rule.is_object()) {
        kept.push_back(rule);
        continue;
      }
      json::object one;
      for (const auto& [parameter, given] : rule.as_object()) {
        if (!is_empty(given) || !rule_says_nothing(std::string(parameter), given)) one[parameter] = given;
      }
      kept.push_back(std::move(one));
    }
    out[key] = std::move(kept);
  }
  return out;
}

}  // namespace postern::cli
