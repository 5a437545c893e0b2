#include "cli/json_view.h"

#include <fmt/format.h>

#include <boost/json.hpp>

#include "base/text.h"
#include "cli/moments.h"

namespace postern::cli {

namespace json = boost::json;

std::string plain(const json::string& text) { return {text.data(), text.size()}; }

const json::value* member(const json::value& of, std::string_view name) {
  const json::object* object = of.if_object();
  const json::value* found = object == nullptr ? nullptr : object->if_contains({name.data(), name.size()});
  return found == nullptr || found->is_null() ? nullptr : found;
}

std::string text_at(const json::value& of, std::string_view name) {
  const json::value* found = member(of, name);
  const json::string* text = found == nullptr ? nullptr : found->if_string();
  return text == nullptr ? "" : plain(*text);
}

std::optional<std::int64_t> number_at(const json::value& of, std::string_view name) {
  const json::value* found = member(of, name);
  if (found == nullptr) return std::nullopt;
  if (const auto* number = found->if_int64()) return *number;
  if (const auto* number = found->if_uint64(); number != nullptr && *number <= INT64_MAX) {
    return static_cast<std::int64_t>(*number);
  }
  return std::nullopt;
}

std::optional<bool> bool_at(const json::value& of, std::string_view name) {
  const json::value* found = member(of, name);
  const bool* flag = found == nullptr ? nullptr : found->if_bool();
  return flag == nullptr ? std::nullopt : std::optional(*flag);
}

bool is_true(const json::value& of, std::string_view name) { return bool_at(of, name).value_or(false); }

std::optional<WallTime> time_at(const json::value& of, std::string_view name) {
  return read_iso8601(text_at(of, name));
}

const json::array& list_at(const json::value& of, std::string_view name) {
  static const json::array kNone;
  const json::value* found = member(of, name);
  const json::array* list = found == nullptr ? nullptr : found->if_array();
  return list == nullptr ? kNone : *list;
}

std::vector<std::string> texts_at(const json::value& of, std::string_view name) {
  std::vector<std::string> out;
  for (const json::value& item : list_at(of, name)) out.push_back(in_a_line(item));
  return out;
}

std::string in_a_line(const json::value& value) {
  if (const json::string* text = value.if_string()) return one_line(plain(*text));
  std::vector<std::string> parts;
  if (const json::array* list = value.if_array()) {
    for (const json::value& item : *list) {
      const std::string text = in_a_line(item);
      parts.push_back(item.is_object() ? "(" + text + ")" : text);
    }
    return parts.empty() ? "none" : join(parts, ", ");
  }
  if (const json::object* object = value.if_object()) {
    for (const auto& [name, item] : *object) {
      const std::string text = in_a_line(item);
      const bool nested = item.is_object() || (item.is_array() && item.as_array().size() > 1);
      parts.push_back(one_line({name.data(), name.size()}) + "=" + (nested ? "[" + text + "]" : text));
    }
    return parts.empty() ? "none" : join(parts, ", ");
  }
  if (value.is_null()) return "none";
  if (const double* number = value.if_double()) return fmt::format("{}", *number);
  return json::serialize(value);
}

std::string count_at(const json::value& of, std::string_view name) {
  const auto number = number_at(of, name);
  return number ? std::to_string(*number) : "";
}

}  // namespace postern::cli
