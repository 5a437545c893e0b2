#include "cli/tag_diff.h"

#include <boost/json.hpp>
#include <functional>

#include "base/text.h"
#include "cli/json_view.h"

namespace postern::cli {
namespace {

namespace json = boost::json;

using SaysNothing = std::function<bool(std::string_view, const json::value&)>;

std::string shown_value(const json::value* value) { return value == nullptr ? "" : in_a_line(*value); }

/// Members of two objects; one that only one of them has is a difference unless it says nothing.
void compare_members(const json::object& before, const json::object& after, const SaysNothing& nothing,
                     const std::function<void(const std::string&, const json::value*, const json::value*)>& differs) {
  const auto look = [&](const json::object& of, json::string_view key) { return of.if_contains(key); };
  for (const auto& [key, value] : after) {
    const json::value* was = look(before, key);
    const bool same = was == nullptr ? nothing(std::string(key), value) : *was == value;
    if (!same) differs(std::string(key), was, &value);
  }
  for (const auto& [key, value] : before) {
    if (look(after, key) == nullptr && !nothing(std::string(key), value)) differs(std::string(key), &value, nullptr);
  }
}

const json::object* rule_numbered(const json::array& rules, const json::value& id) {
  for (const json::value& rule : rules) {
    const json::value* own = member(rule, "id");
    if (own != nullptr && *own == id) return rule.if_object();
  }
  return nullptr;
}

const json::array& rules_or_none(const json::value* rules) {
  static const json::array kNone;
  return rules != nullptr && rules->is_array() ? rules->as_array() : kNone;
}

void compare_rules(const TagSchema& schema, const json::value* was, const json::value* now,
                   std::vector<Difference>& out) {
  const json::array& before = rules_or_none(was);
  const json::array& after = rules_or_none(now);
  const std::size_t already = out.size();
  for (const json::value& rule : after) {
    const json::value* id = member(rule, "id");
    const json::object* old = id == nullptr ? nullptr : rule_numbered(before, *id);
    const std::string where = "rule " + (id == nullptr ? "without a number" : in_a_line(*id));
    if (old == nullptr || !rule.is_object()) {
      out.push_back({where, "", rule_text(rule)});
      continue;
    }
    compare_members(
        *old, rule.as_object(),
        [&](std::string_view name, const json::value& v) { return schema.rule_says_nothing(name, v); },
        [&](const std::string& name, const json::value* b, const json::value* a) {
          out.push_back({where + " " + name, shown_value(b), shown_value(a)});
        });
  }
  for (const json::value& rule : before) {
    const json::value* id = member(rule, "id");
    if (id != nullptr && rule_numbered(after, *id) == nullptr)
      out.push_back({"rule " + in_a_line(*id), rule_text(rule), ""});
  }
  // The same rules in another order: nothing else can tell it.
  if (out.size() == already && before.size() == after.size() && was != nullptr && now != nullptr) {
    for (std::size_t i = 0; i < before.size(); ++i) {
      const json::value* a = member(before[i], "id");
      const json::value* b = member(after[i], "id");
      if (a != nullptr && b != nullptr && *a != *b) {
        out.push_back({"rules", "in another order", "in the order given"});
        return;
      }
    }
  }
}

}  // namespace

std::string rule_text(const json::value& rule) {
  const json::object* object = rule.if_object();
  if (object == nullptr) return in_a_line(rule);
  std::string out = text_at(rule, "os") + " " + (is_true(rule, "negate") ? "not " : "") + text_at(rule, "type");
  for (const auto& [key, value] : *object) {
    if (key == "id" || key == "os" || key == "type" || key == "negate") continue;
    out += ", " + std::string(key) + "=" + in_a_line(value);
  }
  return one_line(out);
}

std::vector<Difference> differences(const TagSchema& schema, const json::object& before, const json::object& after) {
  std::vector<Difference> out;
  compare_members(
      before, after, [&](std::string_view name, const json::value& v) { return schema.says_nothing(name, v); },
      [&](const std::string& name, const json::value* b, const json::value* a) {
        if (schema.read_only(name)) return;
        if (name == "rules") return compare_rules(schema, b, a, out);
        const bool objects = (b == nullptr || b->is_object()) && (a == nullptr || a->is_object());
        if (!objects) return out.push_back({name, shown_value(b), shown_value(a)});
        static const json::object kNone;
        compare_members(
            b == nullptr ? kNone : b->as_object(), a == nullptr ? kNone : a->as_object(),
            [](std::string_view, const json::value&) { return false; },
            [&](const std::string& part, const json::value* was, const json::value* now) {
              out.push_back({name + " " + part, shown_value(was), shown_value(now)});
            });
      });
  return out;
}

}  // namespace postern::cli
