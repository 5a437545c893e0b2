#pragma once
// YAML as the JSON that the EMS takes. Types by YAML 1.2's core schema: only true and false are booleans, "yes" is a
// text, what is in quotes is always a text.
#include <boost/json/fwd.hpp>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace postern::cli {

inline constexpr std::size_t kMaxYamlBytes = 8u << 20;
inline constexpr std::size_t kMaxYamlDepth = 24;
inline constexpr std::size_t kMaxYamlNodes = 1'000'000;

/// The documents in `text`, empty ones left out. Bounded: no anchors and no aliases (a text of a kilobyte could stand
/// for gigabytes), no tags but the core ones, no key twice, UTF-8 only. Errors: kInvalidArgument with line and column,
/// kResourceExhausted.
Result<std::vector<boost::json::value>> parse_yaml(std::string_view text);

}  // namespace postern::cli
