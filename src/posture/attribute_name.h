#pragma once
// What somebody else knows of an endpoint and tells through the API: attributes by name.
#include <cstddef>
#include <string_view>

namespace postern::posture {

inline constexpr std::size_t kMaxAttributeName = 64;
/// Where an outside provider's score stands: + the provider's name.
inline constexpr std::string_view kScorePrefix = "score.";

/// 1 to 64 of a-z, 0-9, ".", "_" and "-": "mdm.compliant", "score.crowdstrike".
constexpr bool valid_attribute_name(std::string_view name) {
  if (name.empty() || name.size() > kMaxAttributeName) return false;
  for (const char c : name) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
    if (!plain) return false;
  }
  return true;
}

}  // namespace postern::posture
