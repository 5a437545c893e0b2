#pragma once
// Names of tags as rules take them.
#include <fmt/format.h>

#include <string>
#include <vector>

#include "base/ids.h"
#include "base/result.h"
#include "posture/quote.h"

namespace postern::posture::rules {

inline Status check_tag_names(const std::vector<std::string>& names) {
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (valid_tag_name(names[i])) continue;
    return invalid(fmt::format("tags[{}]: {} is no tag's name; it has 1 to 63 characters of A-Z, a-z, 0-9, \".\", \"_\", \"-\" "
                               "and spaces inside",
                               i, posture::quoted(names[i])));
  }
  return {};
}

}  // namespace postern::posture::rules
