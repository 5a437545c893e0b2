#include "posture/on_fabric_json.h"

#include <fmt/format.h>

#include <boost/json.hpp>

#include "posture/quote.h"
#include "posture/strict_json.h"

namespace postern::posture {
namespace detection_json_rule {
namespace {

namespace json = boost::json;
using strict_json::boosted;
using strict_json::plain;
using strict_json::shown;

constexpr std::size_t kMaxDepth = 8;  // it needs 6: object, sets, set, rules, rule, list

/// A member's name for a message.
std::string named(std::string_view where, std::string_view name) {
  return fmt::format("{}: {}", where, clean_text(name) && name.size() <= 64 ? name : posture::quoted(name));
}

Result<DetectionRule> read_rule(const std::string& where, const json::value& value) {
  const json::object* object = value.if_object();
  if (object == nullptr) return invalid(fmt::format("{}: {} must be an object with a type", where, shown(value)));
  const json::value* type = object->if_contains("type");
  if (type == nullptr) return invalid(fmt::format("{}: type: is missing", where));
  DetectionRule rule;
  auto text = strict_json::read_text(where + ": type", *type);
  if (!text) return fail(text.error());
  rule.type = std::move(*text);
  for (const auto& [key, member] : *object) {
    const std::string_view name = plain(key);
    if (name == "type") continue;
    auto parameter = strict_json::read_parameter(named(where, name), member);
    if (!parameter) return fail(parameter.error());
    rule.parameters.emplace(name, std::move(*parameter));
  }
  return rule;
}

Result<DetectionSet> read_set(const std::string& where, const json::value& value) {
  const json::object* object = value.if_object();
  if (object == nullptr) return invalid(fmt::format("{}: {} must be an object with name and rules", where, shown(value)));
  for (const char* name : {"name", "rules"}) {
    if (!object->contains(name)) return invalid(fmt::format("{}: {}: is missing", where, name));
  }
  DetectionSet set;
  for (const auto& [key, member] : *object) {
    const std::string_view name = plain(key);
    if (name == "name") {
      auto text = strict_json::read_text(where + ": name", member);
      if (!text) return fail(text.error());
      set.name = std::move(*text);
    } else if (name == "rules") {
      const json::array* list = member.if_array();
      if (list == nullptr) return invalid(fmt::format("{}: rules: {} must be a list of rules", where, shown(member)));
      if (list->size() > kMaxDetectionRules) {
        return invalid(fmt::format("{}: rules: there are {}, allowed are 1 to {}", where, list->size(), kMaxDetectionRules));
      }
      for (std::size_t i = 0; i < list->size(); ++i) {
        auto rule = read_rule(fmt::format("{}: rules[{}]", where, i), (*list)[i]);
        if (!rule) return fail(rule.error());
        set.rules.push_back(std::move(*rule));
      }
    } else {
      return invalid(fmt::format("{}: there is no such field; a set has name and rules", named(where, name)));
    }
  }
  return set;
}

Result<DetectionSets> read_sets(const json::value& value) {
  const json::object* object = value.if_object();
  if (object == nullptr) return invalid(fmt::format("detection must be an object with sets, not {}", shown(value)));
  const json::value* list_value = object->if_contains("sets");
  if (list_value == nullptr) return invalid("sets: is missing");
  for (const auto& [key, member] : *object) {
    if (plain(key) != "sets")
      return invalid(fmt::format("{}: there is no such field; detection has sets", posture::quoted(plain(key))));
  }
  const json::array* list = list_value->if_array();
  if (list == nullptr) return invalid(fmt::format("sets: {} must be a list of sets", shown(*list_value)));
  if (list->size() > kMaxDetectionSets)
    return invalid(fmt::format("sets: there are {}, allowed are {}", list->size(), kMaxDetectionSets));
  DetectionSets sets;
  for (std::size_t i = 0; i < list->size(); ++i) {
    auto set = read_set(fmt::format("sets[{}]", i), (*list)[i]);
    if (!set) return fail(set.error());
    sets.push_back(std::move(*set));
  }
  return sets;
}

}  // namespace
}  // namespace detection_json_rule

Result<DetectionSets> parse_detection_json(std::string_view text) {
  auto value = strict_json::read("on-fabric detection", text, kMaxDetectionJsonBytes, detection_json_rule::kMaxDepth);
  if (!value) return fail(value.error());
  auto sets = detection_json_rule::read_sets(*value);
  if (!sets) return sets;
  auto compiled = OnFabricDetection::compile(std::move(*sets));
  if (!compiled) return fail(compiled.error());
  return compiled->sets();
}

std::string print_detection_json(const DetectionSets& sets) {
  namespace json = boost::json;
  json::array list;
  for (const DetectionSet& set : sets) {
    json::array rules;
    for (const DetectionRule& rule : set.rules) {
      json::object one{{"type", strict_json::boosted(rule.type)}};
      for (const auto& [name, value] : rule.parameters)
        one[strict_json::boosted(name)] = strict_json::print_parameter(value);
      rules.push_back(std::move(one));
    }
    list.push_back(json::object{{"name", strict_json::boosted(set.name)}, {"rules", std::move(rules)}});
  }
  return json::serialize(json::object{{"sets", std::move(list)}});
}

}  // namespace postern::posture
