#include "gateway/api/cmdb_query.h"

#include <boost/json.hpp>
#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "gateway/api/input.h"

namespace postern::gateway::api {
namespace {

namespace json = boost::json;
using Query = std::map<std::string, std::string>;
using Test = Filter::Test;

constexpr std::size_t kMaxFields = 50;

bool known_field(const config::Table& table, std::string_view name) {
  return (!table.single() && name == table.key.name) || name == "q_origin_key" || table.attribute(name) ||
         table.table(name);
}

/// What a value reads as; a list of names has several readings.
std::vector<std::string> readings(const json::value& value) {
  if (const auto* text = value.if_string()) return {std::string(*text)};
  if (const auto* number = value.if_int64()) return {std::to_string(*number)};
  if (const auto* number = value.if_uint64()) return {std::to_string(*number)};
  if (const auto* truth = value.if_bool()) return {*truth ? "true" : "false"};
  std::vector<std::string> out;
  if (const auto* list = value.if_array()) {
    for (const auto& item : *list) {
      const auto* object = item.if_object();
      const auto* name = object ? object->if_contains("name") : &item;
      if (name != nullptr && name->is_string()) out.emplace_back(name->get_string());
    }
  }
  return out;
}

bool compares(Test test, std::string_view text, std::string_view with) {
  const auto left = parse_u64(text), right = parse_u64(with);
  if (!left || !right) return false;
  switch (test) {
    case Test::kAtMost:
      return *left <= *right;
    case Test::kBelow:
      return *left < *right;
    case Test::kAtLeast:
      return *left >= *right;
    default:
      return *left > *right;
  }
}

bool holds(const Filter& filter, const json::object& entry) {
  const auto* value = entry.if_contains(filter.field);
  const auto texts = value ? readings(*value) : std::vector<std::string>();
  const auto any = [&](auto&& test) { return std::any_of(texts.begin(), texts.end(), test); };
  const auto equal = [&](const std::string& text) { return text == filter.value; };
  const auto contains = [&](const std::string& text) {
    return to_lower(text).find(to_lower(filter.value)) != std::string::npos;
  };
  switch (filter.test) {
    case Test::kEqual:
      return any(equal);
    case Test::kUnequal:
      return !any(equal);
    case Test::kContains:
      return any(contains);
    case Test::kLacks:
      return !any(contains);
    default:
      return any([&](const std::string& text) { return compares(filter.test, text, filter.value); });
  }
}

Result<Filter> read_filter(std::string_view text, const KnownField& known, std::string_view whose) {
  static constexpr std::pair<std::string_view, Test> kTests[] = {
      {"==", Test::kEqual},   {"!=", Test::kUnequal}, {"=@", Test::kContains}, {"!@", Test::kLacks},
      {"<=", Test::kAtMost},  {">=", Test::kAtLeast}, {"<", Test::kBelow},     {">", Test::kAbove}};
  const auto at = text.find_first_of("=!<>");
  for (const auto& [sign, test] : kTests) {
    if (at == text.npos || at == 0 || !text.substr(at).starts_with(sign)) continue;
    Filter filter{std::string(text.substr(0, at)), std::string(text.substr(at + sign.size())), test};
    if (!known(filter.field)) return invalid(fmt::format("filter: {} is not a member of {}", shown(filter.field), whose));
    return filter;
  }
  return invalid(
      fmt::format("filter: {} is not understood; allowed: name==value, name!=value, name=@part, name!@part, and of "
                  "numbers name<=value, name<value, name>=value, name>value, several with commas",
                  shown(text)));
}

Result<std::vector<Sorting>> read_sorting(std::string_view text, const KnownField& known, std::string_view whose) {
  std::vector<Sorting> out;
  for (const auto part : split(text, ',')) {
    const bool descending = part == "desc" || part == "dsc";
    if (!out.empty() && (descending || part == "asc")) {
      out.back().descending = descending;
    } else if (!known(part)) {
      return invalid(fmt::format("sort: {} is not a member of {}; allowed: members with commas between them, each with "
                                 ",asc or ,desc behind it",
                                 shown(part), whose));
    } else {
      out.push_back({std::string(part), false});
    }
  }
  if (out.size() > kMaxFields) return invalid(fmt::format("sort: at most {} members", kMaxFields));
  return out;
}

Result<std::size_t> read_number(const std::string& name, const std::string& text) {
  const auto number = parse_u64(text);
  if (!number || *number > 1'000'000) return invalid(name + ": must be a whole number from 0 to 1000000");
  return static_cast<std::size_t>(*number);
}

/// Below zero: `a` stands before `b`.
int order_of(const json::value& a, const json::value& b, const std::string& field) {
  const auto texts = [&](const json::value& entry) {
    const auto* value = entry.is_object() ? entry.get_object().if_contains(field) : nullptr;
    return value ? readings(*value) : std::vector<std::string>();
  };
  const auto left = texts(a), right = texts(b);
  if (left.size() == 1 && right.size() == 1) {
    const auto x = parse_u64(left[0]), y = parse_u64(right[0]);
    if (x && y) return *x < *y ? -1 : *x > *y;
    if (x.has_value() != y.has_value()) return x ? -1 : 1;  // numbers first: one order for everything
  }
  return left < right ? -1 : right < left;
}

std::optional<std::string> take(Query& query, const std::string& name) {
  const auto it = query.find(name);
  if (it == query.end()) return std::nullopt;
  auto text = std::move(it->second);
  query.erase(it);
  return text;
}

}  // namespace

bool ListQuery::keeps(const json::object& entry) const {
  return std::all_of(filters.begin(), filters.end(), [&](const std::vector<Filter>& list) {
    return std::any_of(list.begin(), list.end(), [&](const Filter& f) { return holds(f, entry); });
  });
}

void ListQuery::project(json::object& entry) const {
  if (format.empty()) return;
  json::object kept;
  for (const auto& name : format) {
    if (const auto* value = entry.if_contains(name)) kept[name] = *value;
  }
  entry = std::move(kept);
}

std::size_t ListQuery::apply(json::array& entries) const {
  json::array kept;
  for (auto& entry : entries) {
    if (!entry.is_object() || keeps(entry.get_object())) kept.push_back(std::move(entry));
  }
  // Field by field from the last: each keeps the order of those after it.
  for (auto field = sorting.rbegin(); field != sorting.rend(); ++field) {
    std::stable_sort(kept.begin(), kept.end(), [&](const json::value& a, const json::value& b) {
      return field->descending ? order_of(b, a, field->field) < 0 : order_of(a, b, field->field) < 0;
    });
  }
  const std::size_t matched = kept.size();
  kept.erase(kept.begin(), kept.begin() + static_cast<std::ptrdiff_t>(std::min(start, matched)));
  if (count && *count < kept.size()) kept.resize(*count);
  for (auto& entry : kept) {
    if (entry.is_object()) project(entry.get_object());
  }
  entries = std::move(kept);
  return matched;
}

Result<ListQuery> take_list_query(Query& query, const std::vector<std::string>& more_filters, const KnownField& known,
                                  std::string_view whose) {
  ListQuery out;
  std::vector<std::string> texts = more_filters;
  if (auto text = take(query, "filter")) texts.insert(texts.begin(), std::move(*text));
  for (const auto& text : texts) {
    auto& list = out.filters.emplace_back();
    for (const auto part : split(std::string_view(text), ',')) {
      auto filter = read_filter(part, known, whose);
      if (!filter) return fail(filter.error());
      list.push_back(std::move(*filter));
    }
  }
  if (const auto text = take(query, "sort")) {
    auto sorting = read_sorting(*text, known, whose);
    if (!sorting) return fail(sorting.error());
    out.sorting = std::move(*sorting);
  }
  if (const auto text = take(query, "format")) {
    for (const auto part : split(std::string_view(*text), '|')) {
      if (!known(part)) return invalid(fmt::format("format: {} is not a member of {}", shown(part), whose));
      out.format.emplace_back(part);
    }
  }
  for (const char* name : {"start", "count"}) {
    const auto text = take(query, name);
    if (!text) continue;
    const auto number = read_number(name, *text);
    if (!number) return fail(number.error());
    if (std::string_view(name) == "start")
      out.start = *number;
    else
      out.count = *number;
  }
  return out;
}

Result<ListQuery> read_list_query(const config::Table& table, Query query,
                                  const std::vector<std::string>& more_filters) {
  static constexpr std::string_view kWithoutMeaning[] = {"vdom", "global", "datasource", "with_meta", "skip", "action"};
  auto out = take_list_query(query, more_filters, [&](std::string_view name) { return known_field(table, name); }, table.name);
  if (!out) return out;
  for (const auto& [name, text] : query) {
    if (std::find(std::begin(kWithoutMeaning), std::end(kWithoutMeaning), name) == std::end(kWithoutMeaning)) {
      return invalid(fmt::format("unknown query parameter {}; known are: filter, sort, start, count, format, action, vdom",
                                 shown(name)));
    }
  }
  return out;
}

}  // namespace postern::gateway::api
