#include "gateway/api/input.h"

#include <boost/json.hpp>
#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <optional>

#include "base/text.h"

namespace postern::gateway::api {
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

/// Members that the parser kept; nullopt when a number was too large for it.
std::optional<std::size_t> members_in(const json::value& value) {
  if (const double* number = value.if_double(); number && !std::isfinite(*number)) return std::nullopt;
  std::size_t count = 0;
  const auto add = [&](const json::value& inner) {
    const auto more = members_in(inner);
    if (more) count += *more;
    return more.has_value();
  };
  if (const json::object* object = value.if_object()) {
    count = object->size();
    for (const auto& [name, member] : *object) {
      if (!add(member)) return std::nullopt;
    }
  } else if (const json::array* array = value.if_array()) {
    for (const json::value& item : *array) {
      if (!add(item)) return std::nullopt;
    }
  }
  return count;
}

std::optional<std::string> form_decode(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+') {
      out += ' ';
    } else if (text[i] == '%') {
      unsigned byte = 0;
      if (i + 2 >= text.size()) return std::nullopt;
      const char* end = text.data() + i + 3;
      const auto [at, error] = std::from_chars(text.data() + i + 1, end, byte, 16);
      if (error != std::errc() || at != end) return std::nullopt;
      out += static_cast<char>(byte);
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

}  // namespace

Result<json::object> parse_object(std::string_view body) {
  if (trim(body).empty()) return json::object();
  json::parse_options options;
  options.max_depth = kMaxJsonDepth;
  json::error_code error;
  json::value value = json::parse(json::string_view(body.data(), body.size()), error, {}, options);
  if (error) return invalid("the body is not valid JSON: " + error.message());
  if (!value.is_object()) return invalid("the body must be a JSON object");
  const auto members = members_in(value);
  if (!members) return invalid("the body is not valid JSON: a number is out of range");
  // The parser keeps the last of several equal members; another reader may keep the first. Neither is right.
  if (*members != members_in_text(body)) return invalid("the body is not valid JSON: a member is there twice");
  return std::move(value.as_object());
}

Result<std::map<std::string, std::string>> parse_form(std::string_view body) {
  std::map<std::string, std::string> form;
  if (body.empty()) return form;
  for (const std::string_view pair : split(body, '&')) {
    const auto equals = pair.find('=');
    auto name = form_decode(pair.substr(0, equals));
    auto value = form_decode(equals == pair.npos ? std::string_view() : pair.substr(equals + 1));
    if (!name || !value) return invalid("the form has a broken % escape");
    if (form.size() >= 32) return invalid("the form has too many fields");
    if (!form.emplace(std::move(*name), std::move(*value)).second) return invalid("the form gives a field twice");
  }
  return form;
}

std::string shown(std::string_view text) {
  std::size_t cut = std::min<std::size_t>(text.size(), 64);
  while (cut < text.size() && cut > 0 && (static_cast<unsigned char>(text[cut]) & 0xC0) == 0x80) --cut;
  std::string out = "\"";
  for (const char c : text.substr(0, cut)) {
    out += static_cast<unsigned char>(c) < 0x20 || c == 0x7f || c == '"' ? '?' : c;
  }
  return out + (cut < text.size() ? "…\"" : "\"");
}

}  // namespace postern::gateway::api
