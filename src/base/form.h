#pragma once
// What browsers and scripts make of a form: application/x-www-form-urlencoded, in queries and bodies.
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace postern {

/// "%41" becomes "A", once; `plus_is_space` as in forms and queries. nullopt: a % without two hex digits.
std::optional<std::string> percent_decode(std::string_view text, bool plus_is_space);

inline constexpr std::size_t kMaxFormFields = 32;

/// The fields of a body; a field given twice is refused, for two readers could take a different one. Error:
/// kInvalidArgument.
Result<std::map<std::string, std::string>> parse_form(std::string_view body);

}  // namespace postern
