// Foreign bytes of the EMS API before any handler: path, query, JSON body, form, cursor-like text and HTML escaping.
// Input: a path, a line break, then a body.
#include <boost/json.hpp>

#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "ems/api/input.h"
#include "ems/api/pages/html.h"
#include "ems/api/router.h"

using namespace postern::ems::api;

namespace {

void nothing(const CallPtr&) {}

void demand(bool holds) {
  if (!holds) std::abort();
}

const std::vector<Field>& fields() {
  static const std::vector<Field> all = {
      {.name = "name", .required = true, .min = 1, .max = 63},
      {.name = "count", .type = FieldType::kInteger, .min = 1, .max = 1000},
      {.name = "on", .type = FieldType::kBoolean},
      {.name = "kinds", .type = FieldType::kTexts, .max = 4, .values = {"security", "classification"}},
      {.name = "note", .multiline = true}};
  return all;
}

const Router& router() {
  static const Router r({{.name = "t", .description = "",
                          .routes = {{.method = "GET", .path = "/api/v1/tags", .handler = nothing},
                                     {.method = "POST", .path = "/api/v1/tags/what-if", .handler = nothing},
                                     {.method = "GET", .path = "/api/v1/tags/{name}", .handler = nothing},
                                     {.method = "GET", .path = "/api/v1/tags/{name}/endpoints", .handler = nothing}}}});
  return r;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const std::size_t line = input.find('\n');
  const std::string_view path = input.substr(0, line);
  const std::string_view body = line == std::string_view::npos ? std::string_view() : input.substr(line + 1);

  const Router::Match match = router().match("GET", path);
  if (match.route != nullptr) demand(match.allowed.empty());
  for (const auto& [name, value] : match.params) demand(!value.empty() && value.find('/') == std::string::npos);

  if (auto value = parse_json(body)) {
    // What was accepted survives being written and read again.
    demand(parse_json(boost::json::serialize(*value)).has_value());
  }
  if (auto read = read_fields(fields(), body)) {
    demand(read->contains("name"));
    for (const auto& [name, value] : *read) {
      if (value.is_string()) demand(clean_text(value.get_string(), true));
    }
  } else {
    demand(clean_text(read.error().message, true));  // errors go out as JSON: never broken text
  }
  if (auto form = read_form(fields(), body)) demand(form->size() <= fields().size());

  const std::string escaped = html_escape(input);
  demand(escaped.find_first_of("<>\"'") == std::string::npos);
  demand(clean_text(escaped, true));
  return 0;
}
