#include "gateway/api/cmdb_query.h"

#include <boost/json.hpp>
#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "gateway/api/input.h"

namespace postern::gateway::api {
namespace {

namespace json = boost::json;

bool known_field(const config::Table& table, std::string_view name) {
  return (!table.single() && name == table.key.name) || name == "q_origin_key" || table.attribute(name) ||
         table.table(name);
}

/// What a value reads as; a list of names has several readings.
std::vector<std::string> readings(const json::value& value) {
  if (const auto* text = value.if_string()) return {std::string(*text)};
  if (const auto* number = value.if_int64()) return {std::to_string(*number)};
  std::vector<std::string> out;
  if (const auto* list = value.if_array()) {
    for (const auto& item : *list) {
      const auto* object = item.if_object();
      const auto* name = object ? object->if_contains("name") : nullptr;
      if (name != nullptr && name->is_string()) out.emplace_back(name->get_string());
    }
  }
  return out;
}

bool holds(const Filter& filter, const json::object& entry) {
  const auto* value = entry.if_contains(filter.field);
  const auto texts = value ? readings(*value) : std::vector<std::string>();
  const bool found = std::any_of(texts.begin(), texts.end(), [&](const std::string& text) {
    return filter.contains ? to_lower(text).find(to_lower(filter.value)) != std::string::npos : text == filter.value;
  });
  return found != filter.negate;
}

Result<Filter> read_filter(const config::Table& table, std::string_view text) {
  for (const std::string_view op : {"==", "!=", "=@", "!@"}) {
    const auto at = text.find(op);
    if (at == text.npos || at == 0) continue;
    Filter filter{std::string(text.substr(0, at)), std::string(text.substr(at + 2)), op[0] == '!', op[1] == '@'};
    if (!known_field(table, filter.field)) {
      return invalid(fmt::format("filter: {} is not a member of {}", shown(filter.field), table.name));
    }
    return filter;
  }
  return invalid(
      fmt::format("filter: {} is not understood; allowed: name==value, name!=value, name=@part, name!@part, "
                  "several with commas",
                  shown(text)));
}

Result<std::size_t> read_number(const std::string& name, const std::string& text) {
  const auto number = parse_u64(text);
  if (!number || *number > 1'000'000) return invalid(name + ": must be a whole number from 0 to 1000000");
  return static_cast<std::size_t>(*number);
}

}  // namespace

bool ListQuery::keeps(const json::object& entry) const {
  return filters.empty() ||
         std::any_of(filters.begin(), filters.end(), [&](const Filter& f) { return holds(f, entry); });
}

void ListQuery::project(json::object& entry) const {
  if (format.empty()) return;
  json::object kept;
  for (const auto& name : format) {
    if (const auto* value = entry.if_contains(name)) kept[name] = *value;
  }
  entry = std::move(kept);
}

Result<ListQuery> read_list_query(const config::Table& table, const std::map<std::string, std::string>& query) {
  static constexpr std::string_view kWithoutMeaning[] = {"vdom", "global", "datasource", "with_meta", "skip", "action"};
  ListQuery out;
  for (const auto& [name, text] : query) {
    if (name == "filter") {
      for (const auto part : split(text, ',')) {
        auto filter = read_filter(table, part);
        if (!filter) return fail(filter.error());
        out.filters.push_back(std::move(*filter));
      }
    } else if (name == "format") {
      for (const auto part : split(text, '|')) {
        if (!known_field(table, part)) {
          return invalid(fmt::format("format: {} is not a member of {}", shown(part), table.name));
        }
        out.format.emplace_back(part);
      }
    } else if (name == "start" || name == "count") {
      auto number = read_number(name, text);
      if (!number) return fail(number.error());
      if (name == "start")
        out.start = *number;
      else
        out.count = *number;
    } else if (std::find(std::begin(kWithoutMeaning), std::end(kWithoutMeaning), name) == std::end(kWithoutMeaning)) {
      return invalid(fmt::format("unknown query parameter {}; known are: filter, start, count, format, action, vdom",
                                 shown(name)));
    }
  }
  return out;
}

}  // namespace postern::gateway::api
