#pragma once
// Files with tags: a tag per YAML document, a list of them, or a map with a list called tags.
#include <boost/json/fwd.hpp>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "cli/command.h"

namespace postern::cli {

/// A tag as a file has it.
struct Draft {
  std::string name;
  std::shared_ptr<boost::json::object> tag;
};

inline constexpr std::size_t kMaxTags = 10'000;  ///< As many as an EMS saves at once.

/// Errors: those of parse_yaml; kInvalidArgument (no tag in it, a tag without a name, a name twice), kResourceExhausted.
Result<std::vector<Draft>> read_tags(std::string_view text);
/// From `file`, - for standard input; errors name it.
Result<std::vector<Draft>> read_tag_file(Session& session, const std::string& file);

}  // namespace postern::cli
