#include "posture/tag_json.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/json.hpp>
#include <optional>

#include "posture/compiled_tag.h"
#include "posture/quote.h"
#include "posture/strict_json.h"

namespace postern::posture {
namespace {

namespace json = boost::json;

constexpr std::size_t kMaxDepth = 8;  // a tag needs 4: object, rules, rule, list
constexpr std::array<std::string_view, 9> kTagMembers{"name",       "kind",       "enabled", "message", "comment",
                                                      "on_unknown", "loss_delay", "rules",   "logic"};

using strict_json::boosted;
using strict_json::plain;
using strict_json::print_parameter;
using strict_json::read_bool;
using strict_json::read_parameter;
using strict_json::read_text;
using strict_json::shown;

/// A text that is one of an enumeration's names.
template <class Enum>
Result<Enum> read_name(const std::string& where, const json::value& value,
                       std::optional<Enum> (*parse)(std::string_view), std::string_view allowed) {
  if (const json::string* text = value.if_string()) {
    if (const auto found = parse(plain(*text))) return *found;
  }
  return invalid(fmt::format("{}: {} must be one of {}", where, shown(value), allowed));
}

constexpr std::string_view kOsNames = "linux, windows, macos, ios, android";

Result<Seconds> read_seconds(const std::string& where, const json::value& value, Seconds least, Seconds most) {
  const std::int64_t* seconds = value.if_int64();
  if (seconds == nullptr) {
    return invalid(fmt::format("{}: {} must be a whole number of seconds, {} to {}", where, shown(value), least.count(),
                               most.count()));
  }
  if (Seconds(*seconds) < least || Seconds(*seconds) > most) {
    return invalid(fmt::format("{}: {} is not allowed; it must be {} to {} seconds", where, *seconds, least.count(),
                               most.count()));
  }
  return Seconds(*seconds);
}

Result<std::uint32_t> read_rule_id(const std::string& where, const json::object& object) {
  const json::value* value = object.if_contains("id");
  if (value == nullptr)
    return invalid(fmt::format("{}: id: is missing; number the rules from 1", where));
  const std::int64_t* id = value->if_int64();
  if (id == nullptr || *id < 1 || *id > kMaxRuleId) {
    return invalid(fmt::format("{}: id: {} must be a whole number from 1 to {}", where,
                               shown(*value), kMaxRuleId));
  }
  return static_cast<std::uint32_t>(*id);
}

Result<RuleSpec> read_rule(std::size_t position, const json::value& value) {
  std::string where = fmt::format("rules[{}]", position);
  const json::object* object = value.if_object();
  if (object == nullptr)
    return invalid(
        fmt::format("{}: {} must be an object with id, os and type", where, shown(value)));
  auto id = read_rule_id(where, *object);
  if (!id) return fail(id.error());
  RuleSpec rule;
  rule.id = *id;
  where = fmt::format("rule {}", *id);
  for (const char* name : {"type", "os"}) {
    if (!object->contains(name)) return invalid(fmt::format("{}: {}: is missing", where, name));
  }
  auto type = read_text(where + ": type", object->at("type"));
  if (!type) return fail(type.error());
  rule.type = std::move(*type);
  if (rule.type.size() <= 64 && clean_text(rule.type)) where += fmt::format(" ({})", rule.type);
  for (const auto& [key, member] : *object) {
    const std::string_view name = plain(key);
    if (name == "id" || name == "type") continue;
    const std::string field =
        fmt::format("{}: {}", where, clean_text(name) && name.size() <= 64 ? name : posture::quoted(name));
    if (name == "os") {
      auto os = read_name<OsFamily>(field, member, parse_os_family, kOsNames);
      if (!os) return fail(os.error());
      rule.os = *os;
    } else if (name == "negate") {
      auto negate = read_bool(field, member);
      if (!negate) return fail(negate.error());
      rule.negate = *negate;
    } else if (name == "max_age") {
      auto max_age = read_seconds(field, member, kMinMaxAge, kMaxMaxAge);
      if (!max_age) return fail(max_age.error());
      rule.max_age = *max_age;
    } else {
      auto parameter = read_parameter(field, member);
      if (!parameter) return fail(parameter.error());
      rule.parameters.emplace(name, std::move(*parameter));
    }
  }
  return rule;
}

Result<std::vector<RuleSpec>> read_rules(const json::value& value) {
  const json::array* list = value.if_array();
  if (list == nullptr)
    return invalid(fmt::format("rules: {} must be a list of rules", shown(value)));
  if (list->size() > kMaxRules) {
    return invalid(fmt::format("rules: there are {}, allowed are {}", list->size(), kMaxRules));
  }
  std::vector<RuleSpec> rules;
  for (std::size_t i = 0; i < list->size(); ++i) {
    auto rule = read_rule(i, (*list)[i]);
    if (!rule) return fail(rule.error());
    rules.push_back(std::move(*rule));
  }
  return rules;
}

Result<std::map<OsFamily, std::string>> read_logic(const json::value& value) {
  const json::object* object = value.if_object();
  if (object == nullptr) {
    return invalid(
        fmt::format("logic: {} must be an object such as {{\"linux\":\"1 and 2\"}}", shown(value)));
  }
  std::map<OsFamily, std::string> logic;
  for (const auto& [key, member] : *object) {
    const auto os = parse_os_family(plain(key));
    if (!os)
      return invalid(fmt::format("logic: {} must be one of {}", posture::quoted(plain(key)), kOsNames));
    auto text = read_text(fmt::format("logic.{}", os_family_name(*os)), member);
    if (!text) return fail(text.error());
    logic.emplace(*os, std::move(*text));
  }
  return logic;
}

/// Puts a result into its place, or hands its error on.
template <class T>
Status put(Result<T> result, T& place) {
  if (!result) return fail(result.error());
  place = std::move(*result);
  return {};
}

Status read_member(TagDefinition& tag, std::string_view name, const json::value& value) {
  if (name == "name") {
    std::string text;
    if (Status ok = put(read_text("name", value), text); !ok) return ok;
    tag.name = TagName(std::move(text));
    return {};
  }
  if (name == "kind") {
    return put(
        read_name<TagKind>("kind", value, parse_tag_kind, "security, classification, fabric"),
        tag.kind);
  }
  if (name == "enabled") return put(read_bool("enabled", value), tag.enabled);
  if (name == "message") return put(read_text("message", value), tag.message);
  if (name == "comment") return put(read_text("comment", value), tag.comment);
  if (name == "on_unknown") {
    return put(read_name<OnUnknown>("on_unknown", value, parse_on_unknown, "deny, ignore"),
               tag.on_unknown);
  }
  if (name == "loss_delay") return put(read_seconds("loss_delay", value, Seconds(0), kMaxLossDelay), tag.loss_delay);
  if (name == "rules") return put(read_rules(value), tag.rules);
  if (name == "logic") return put(read_logic(value), tag.logic);
  return invalid(fmt::format("{}: there is no such field; a tag has {}", posture::quoted(name),
                             fmt::join(kTagMembers, ", ")));
}

json::object rule_json(const RuleSpec& rule) {
  json::object out{{"id", rule.id},
                   {"os", boosted(os_family_name(rule.os))},
                   {"type", boosted(rule.type)},
                   {"negate", rule.negate}};
  if (rule.max_age) out["max_age"] = rule.max_age->count();
  for (const auto& [name, value] : rule.parameters) out[boosted(name)] = print_parameter(value);
  return out;
}

}  // namespace

Result<TagDefinition> parse_tag_json(std::string_view text) {
  auto value = strict_json::read("the tag", text, kMaxTagJsonBytes, kMaxDepth);
  if (!value) return fail(value.error());
  const json::object* object = value->if_object();
  if (object == nullptr)
    return invalid(fmt::format("a tag must be an object, not {}", shown(*value)));
  if (!object->contains("name")) return invalid("name: is missing");
  TagDefinition tag;
  for (const auto& [key, member] : *object) {
    if (Status ok = read_member(tag, plain(key), member); !ok) return fail(ok.error());
  }
  // The built-in tag's own definition is valid, although nobody may save it: the engine says so
  // with its own error.
  if (tag == all_registered_clients_definition()) return tag;
  auto compiled = compile_tag(std::move(tag));
  if (!compiled) return fail(compiled.error());
  return compiled->definition();
}

std::string print_tag_json(const TagDefinition& tag) {
  json::array rules;
  for (const RuleSpec& rule : tag.rules) rules.push_back(rule_json(rule));
  json::object logic;
  for (const auto& [os, text] : tag.logic) logic[boosted(os_family_name(os))] = boosted(text);
  return json::serialize(json::object{{"name", boosted(tag.name.str())},
                                      {"kind", boosted(tag_kind_name(tag.kind))},
                                      {"enabled", tag.enabled},
                                      {"message", boosted(tag.message)},
                                      {"comment", boosted(tag.comment)},
                                      {"on_unknown", boosted(on_unknown_name(tag.on_unknown))},
                                      {"loss_delay", tag.loss_delay.count()},
                                      {"rules", std::move(rules)},
                                      {"logic", std::move(logic)}});
}

}  // namespace postern::posture
