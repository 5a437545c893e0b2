#pragma once
// What is in a directory.
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "agent/collectors/collector.h"
#include "base/result.h"

namespace postern::agent {

inline constexpr std::size_t kMaxNames = 10'000;

/// Names of the entries of a directory below the root, ascending; of more than kMaxNames any of them. Errors: kNotFound,
/// kPermissionDenied, kUnavailable.
Result<std::vector<std::string>> list_directory(const Facts& facts, std::string_view absolute);
/// The same; none where they can't be read.
std::vector<std::string> names_in(const Facts& facts, std::string_view absolute);

}  // namespace postern::agent
