#pragma once
// Files of KEY=value lines: os-release, machine-info, sssd.conf, ufw.conf. Pure.
#include <cstddef>
#include <map>
#include <string>
#include <string_view>

namespace postern::agent {

inline constexpr std::size_t kMaxKeyValues = 1024;

/// Values unquoted as a shell would (of what os-release allows), comments and section heads skipped; the first of a
/// repeated key counts. At most kMaxKeyValues are taken.
std::map<std::string, std::string, std::less<>> parse_key_values(std::string_view text);
/// The value, or empty.
std::string value_of(const std::map<std::string, std::string, std::less<>>& values, std::string_view key);

}  // namespace postern::agent
