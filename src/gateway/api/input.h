#pragma once
// Reading what a client sent: strictly and bounded, with an error that says where and what.
#include <boost/json/fwd.hpp>
#include <string>
#include <string_view>

#include "base/result.h"

namespace postern::gateway::api {

inline constexpr std::size_t kMaxJsonDepth = 16;
inline constexpr std::size_t kMaxBody = 1u << 20;

/// One JSON object and nothing after it, at most kMaxJsonDepth deep, valid UTF-8, no member twice, numbers in range.
/// An empty body counts as {}, and so do null and "". Error: kInvalidArgument.
Result<boost::json::object> parse_object(std::string_view body);

/// What came from outside, short, in quotes and on one line, for an error message.
std::string shown(std::string_view text);

}  // namespace postern::gateway::api
