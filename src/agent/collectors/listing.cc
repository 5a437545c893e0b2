#include "agent/collectors/listing.h"

#include <algorithm>
#include <filesystem>
#include <system_error>

#include "base/file.h"

namespace postern::agent {

Result<std::vector<std::string>> list_directory(const Facts& facts, std::string_view absolute) {
  const auto path = facts.path(absolute);
  std::error_code error;
  std::vector<std::string> out;
  for (std::filesystem::directory_iterator it(path, error), end; !error && it != end && out.size() < kMaxNames;
       it.increment(error)) {
    out.push_back(it->path().filename().native());
  }
  if (error) return fail(errno_error(error.value(), "listing", path));
  std::ranges::sort(out);
  return out;
}

std::vector<std::string> names_in(const Facts& facts, std::string_view absolute) {
  return list_directory(facts, absolute).value_or(std::vector<std::string>());
}

}  // namespace postern::agent
