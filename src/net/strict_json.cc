#include "net/strict_json.h"

#include <boost/json.hpp>

#include <algorithm>
#include <cmath>
#include <string>

#include "base/text.h"

namespace postern::net {
namespace {

namespace json = boost::json;

/// Members of all objects of a valid JSON text: its colons outside strings.
std::size_t members_in_text(std::string_view text) {
  std::size_t colons = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (in_string && text[i] == '\\') {
      ++i;
    } else if (text[i] == '"') {
      in_string = !in_string;
    } else if (text[i] == ':' && !in_string) {
      ++colons;
    }
  }
  return colons;
}

/// Members that the parser kept.
std::size_t members_in(const json::value& value) {
  std::size_t count = 0;
  if (const json::object* object = value.if_object()) {
    count = object->size();
    for (const auto& [name, member] : *object) count += members_in(member);
  } else if (const json::array* array = value.if_array()) {
    for (const json::value& item : *array) count += members_in(item);
  }
  return count;
}

/// The parser turns numbers that are too large into infinity.
bool all_finite(const json::value& value) {
  if (const double* number = value.if_double()) return std::isfinite(*number);
  if (const json::object* object = value.if_object()) {
    return std::all_of(object->begin(), object->end(), [](const auto& member) { return all_finite(member.value()); });
  }
  if (const json::array* array = value.if_array()) return std::all_of(array->begin(), array->end(), all_finite);
  return true;
}

}  // namespace

Status check_json_type(const HttpHeaders& headers) {
  const std::string* given = headers.find("Content-Type");
  if (given == nullptr) return {};
  const std::string type = to_lower(trim(std::string_view(*given).substr(0, given->find(';'))));
  if (type.empty() || type == "application/json" || type == "application/x-www-form-urlencoded") return {};
  if (type.starts_with("application/") && type.ends_with("+json")) return {};
  return invalid("the body has to be JSON, and to say so: send it with Content-Type: application/json");
}

Status check_body_coding(const HttpHeaders& headers) {
  for (const auto& [name, value] : headers.all()) {
    if (to_lower(name) != "content-encoding") continue;
    for (const auto coding : split(std::string_view(value), ',')) {
      const std::string one = to_lower(trim(coding));
      if (one.empty() || one == "identity") continue;
      return invalid("the body has to come as it is, not compressed or encoded: send it without Content-Encoding");
    }
  }
  return {};
}

Result<json::value> parse_strict_json(std::string_view text, std::size_t max_depth) {
  json::parse_options options;
  options.max_depth = max_depth;
  json::error_code error;
  json::value value = json::parse(json::string_view(text.data(), text.size()), error, {}, options);
  if (error) return invalid("the body is not valid JSON: " + error.message());
  // The parser keeps the last of several equal members; another reader may keep the first. Neither is right.
  if (members_in_text(text) != members_in(value)) return invalid("the body is not valid JSON: a member is there twice");
  if (!all_finite(value)) return invalid("the body is not valid JSON: a number is out of range");
  return value;
}

}  // namespace postern::net
