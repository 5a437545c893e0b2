#include "gateway/api/input.h"

#include <boost/json.hpp>

#include <algorithm>

#include "base/text.h"
#include "net/strict_json.h"

namespace postern::gateway::api {

namespace json = boost::json;

Result<json::object> parse_object(std::string_view body) {
  if (trim(body).empty()) return json::object();
  auto value = net::parse_strict_json(body, kMaxJsonDepth);
  if (!value) return fail(value.error());
  // What some clients send when they have nothing to say.
  if (value->is_null() || (value->is_string() && value->get_string().empty())) return json::object();
  if (!value->is_object()) return invalid("the body must be a JSON object");
  return std::move(value->as_object());
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
