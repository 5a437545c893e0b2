#include "posture/strict_json.h"

#include <fmt/format.h>

#include <boost/json.hpp>
#include <cmath>
#include <optional>
#include <set>

#include "posture/quote.h"

namespace postern::posture::strict_json {

namespace json = boost::json;

namespace {

/// Boost.JSON keeps the last of two members with one name. Here that is an error, because the
/// reader of such a text can't know which one holds. REQUIRES: `text` is valid JSON. Returns the
/// name of a member that an object has twice.
std::optional<std::string> member_twice(std::string_view text) {
  std::vector<std::set<std::string>>
      open;  // the names of each object around; an empty one for a list
  std::string last;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const char c = text[at];
    if (c == '{' || c == '[') {
      open.emplace_back();
    } else if (c == '}' || c == ']') {
      open.pop_back();
    } else if (c == '"') {
      std::size_t end = at + 1;
      while (text[end] != '"') end += text[end] == '\\' ? 2 : 1;
      last = plain(json::parse(boosted(text.substr(at, end + 1 - at))).as_string());
      at = end;
    } else if (c == ':') {
      if (!open.back().insert(last).second) return last;
    }
  }
  return std::nullopt;
}

/// One number has one form: 7.0 is 7.
ParameterValue whole_or_not(double number) {
  constexpr double kExact = 9007199254740992.0;  // from here on a double skips whole numbers
  if (std::abs(number) < kExact && number == std::floor(number)) return static_cast<std::int64_t>(number);
  return number;
}

}  // namespace

std::string_view plain(JsonText text) { return {text.data(), text.size()}; }
JsonText boosted(std::string_view text) { return {text.data(), text.size()}; }

std::string shown(const json::value& value) {
  if (const json::string* text = value.if_string()) return posture::quoted(plain(*text));
  if (value.is_object()) return "an object";
  if (value.is_array()) return "a list";
  return json::serialize(value);
}

Result<json::value> read(std::string_view what, std::string_view text, std::size_t max_bytes, std::size_t max_depth) {
  if (text.size() > max_bytes) {
    return fail(ErrorCode::kResourceExhausted,
                fmt::format("{} has {} bytes, allowed are {}", what, text.size(), max_bytes));
  }
  json::parse_options options;
  options.max_depth = max_depth;
  json::stream_parser parser({}, options);
  json::error_code error;
  const std::size_t taken = parser.write_some(text.data(), text.size(), error);
  if (!error && taken == text.size()) parser.finish(error);
  if (error || taken != text.size()) {
    const std::string why = error ? error.message() : "there is more text after the value";
    return invalid(fmt::format("not valid JSON at character {}: {}", taken + 1, why));
  }
  if (const auto name = member_twice(text))
    return invalid(fmt::format("{}: is given twice", posture::quoted(*name)));
  return parser.release();
}

Result<bool> read_bool(const std::string& where, const json::value& value) {
  if (const bool* flag = value.if_bool()) return *flag;
  return invalid(fmt::format("{}: {} must be true or false", where, shown(value)));
}

Result<std::string> read_text(const std::string& where, const json::value& value) {
  if (const json::string* text = value.if_string()) return std::string(plain(*text));
  return invalid(fmt::format("{}: {} must be a text", where, shown(value)));
}

Result<ParameterValue> read_parameter(const std::string& where, const json::value& value) {
  if (const json::string* text = value.if_string())
    return ParameterValue(std::string(plain(*text)));
  if (const bool* flag = value.if_bool()) return ParameterValue(*flag);
  if (const std::int64_t* integer = value.if_int64()) return ParameterValue(*integer);
  if (const double* number = value.if_double()) return ParameterValue(whole_or_not(*number));
  const json::array* list = value.if_array();
  if (list == nullptr) {
    return invalid(fmt::format("{}: {} must be a text, a list of texts, a number, or true or false", where, shown(value)));
  }
  std::vector<std::string> texts;
  for (std::size_t i = 0; i < list->size(); ++i) {
    auto text = read_text(fmt::format("{}[{}]", where, i), (*list)[i]);
    if (!text) return fail(text.error());
    texts.push_back(std::move(*text));
  }
  return ParameterValue(std::move(texts));
}

json::value print_parameter(const ParameterValue& value) {
  if (const auto* text = std::get_if<std::string>(&value)) return json::value(boosted(*text));
  if (const auto* flag = std::get_if<bool>(&value)) return json::value(*flag);
  if (const auto* integer = std::get_if<std::int64_t>(&value)) return json::value(*integer);
  if (const auto* number = std::get_if<double>(&value)) return json::value(*number);
  json::array list;
  for (const std::string& text : std::get<std::vector<std::string>>(value))
    list.emplace_back(boosted(text));
  return list;
}

}  // namespace postern::posture::strict_json
