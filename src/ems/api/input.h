#pragma once
// Reading what a client sent: strictly, bounded, with an error that names the field and says what it may be.
#include <boost/json/fwd.hpp>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "ems/api/route.h"

namespace postern::ems::api {

inline constexpr std::size_t kMaxJsonDepth = 32;

/// net::parse_strict_json, at most kMaxJsonDepth deep.
Result<boost::json::value> parse_json(std::string_view text);

/// The body as exactly these fields: an unknown one, a wrong type or a value out of range is kInvalidArgument.
/// An empty body counts as {}.
Result<boost::json::object> read_fields(const std::vector<Field>& fields, std::string_view body);
Status check_fields(const std::vector<Field>& fields, const boost::json::object& object);

/// The same for query parameters; integers and booleans ("true", "false") stay text but are checked.
Status check_query(const std::vector<Field>& fields, const std::map<std::string, std::string>& query);

/// application/x-www-form-urlencoded as exactly these (text) fields; a field given twice is refused.
Result<std::map<std::string, std::string>> read_form(const std::vector<Field>& fields, std::string_view body);

/// A moment as ISO 8601 writes it: "2026-11-24T14:02:03Z", with a fraction of a second, or an offset such as "+01:00",
/// in the years 1970 to 9999. Error: kInvalidArgument.
Result<WallTime> parse_time(std::string_view text);

/// Valid UTF-8 without control characters; line breaks and tabs too when `multiline`.
bool clean_text(std::string_view text, bool multiline = false);

}  // namespace postern::ems::api
