#pragma once
// Of a fact that is unknown, Fact::source says where it was to be read, why it could not be, or both with ": " between them:
// "/etc/x", "who is logged in is not recorded", "/etc/x: it is larger than 16 MiB". A source is a path or one word, such as
// "rtnetlink"; what is neither is a reason. Pure.
#include <string>
#include <string_view>
#include <utility>

namespace postern::posture {

/// Bytes of a source that a report carries.
inline constexpr std::size_t kMaxSource = 170;

/// Both in one; a long source loses its middle, so that the reason is told whole.
std::string unknown_source(std::string_view source, std::string_view why);
/// Source and reason; empty where it is not told.
std::pair<std::string_view, std::string_view> split_unknown_source(std::string_view source);

}  // namespace postern::posture
