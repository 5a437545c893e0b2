#pragma once
// What a plain word of YAML stands for: YAML 1.2, core schema.
#include <boost/json/fwd.hpp>
#include <string_view>

#include "base/result.h"

namespace postern::cli {

/// `tag` as yaml-cpp gives it: "?" for a plain word, "!" for one in quotes or a block, else a tag's whole name. Errors:
/// kInvalidArgument (a number that JSON can't hold, a tag that is not taken).
Result<boost::json::value> scalar_value(std::string_view text, std::string_view tag);

/// Would every reader take this plain word as the very text? Also those of YAML 1.1, to whom "yes" is a boolean.
bool plain_is_text(std::string_view text);

}  // namespace postern::cli
