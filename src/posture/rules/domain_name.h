#pragma once
// Names of domains as rules take them.
#include <fmt/format.h>

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "posture/quote.h"
#include "posture/text_match.h"

namespace postern::posture::rules {

/// The same domain, case and a dot at the end aside.
inline bool same_domain(std::string_view a, std::string_view b) {
  const auto bare = [](std::string_view name) { return name.ends_with('.') ? name.substr(0, name.size() - 1) : name; };
  return equals_ignoring_case(bare(a), bare(b));
}

inline Status check_domains(const std::vector<std::string>& domains) {
  for (std::size_t i = 0; i < domains.size(); ++i) {
    if (domains[i].find_first_of(" @\\/*") == std::string::npos && domains[i] != ".") continue;
    return invalid(fmt::format("domains[{}]: {} is no domain's name; write it as example.org or EXAMPLE, as endpoints report it",
                               i, posture::quoted(domains[i])));
  }
  return {};
}

}  // namespace postern::posture::rules
