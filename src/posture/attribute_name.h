#pragma once
// What somebody else knows of an endpoint and tells through the API: attributes by name.
#include <cstddef>
#include <string_view>

namespace postern::posture {

inline constexpr std::size_t kMaxAttributeName = 64;
/// Where an outside provider's score stands: + the provider's name.
inline constexpr std::string_view kScorePrefix = "score.";

/// 1 to 64 of a-z, 0-9, ".", "_" and "-", with a letter or digit first: "mdm.compliant", "score.crowdstrike".
constexpr bool valid_attribute_name(std::string_view name) {
  const auto plain = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); };
  if (name.empty() || name.size() > kMaxAttributeName || !plain(name.front())) return false;
  for (const char c : name) {
    if (!plain(c) && c != '.' && c != '_' && c != '-') return false;
  }
  return true;
}

}  // namespace postern::posture
