#pragma once
// Reading the JSON of definitions (tags, detection sets) so that no two readers can understand it differently.
#include <boost/json/fwd.hpp>
#include <string>
#include <string_view>

#include "base/result.h"
#include "posture/tag.h"

namespace boost::core {
template <class Char>
class basic_string_view;
}  // namespace boost::core

namespace postern::posture::strict_json {

using JsonText = boost::core::basic_string_view<char>;  ///< boost::json::string_view.

/// One value and nothing after it, no member twice. `what` begins the error for what is too large: "the tag". Errors:
/// kInvalidArgument; kResourceExhausted when larger than `max_bytes`.
Result<boost::json::value> read(std::string_view what, std::string_view text, std::size_t max_bytes, std::size_t max_depth);

std::string_view plain(JsonText text);
JsonText boosted(std::string_view text);
/// A wrong value, short, for a message.
std::string shown(const boost::json::value& value);

// Error: kInvalidArgument with `where` in front.
Result<bool> read_bool(const std::string& where, const boost::json::value& value);
Result<std::string> read_text(const std::string& where, const boost::json::value& value);
Result<ParameterValue> read_parameter(const std::string& where, const boost::json::value& value);

boost::json::value print_parameter(const ParameterValue& value);

}  // namespace postern::posture::strict_json
