#pragma once
// Several tags saved and removed together: all of it, or nothing.
#include <string>
#include <vector>

#include "base/result.h"
#include "posture/tag.h"
#include "posture/tag_edits.h"

namespace postern::ems {

struct ChangeSet {
  std::vector<posture::TagDefinition> save;  ///< Each creates the tag of its name, or replaces it.
  std::vector<std::string> remove;           ///< Names.
};
inline constexpr std::size_t kMaxChangeSet = 10'000;  ///< Of each of the two.

/// What became of the tags, or would: names, as the set has them.
struct Applied {
  std::vector<std::string> created, changed;
  std::vector<std::string> unchanged;  ///< They are so already, and were not touched.
  std::vector<std::string> removed;
  std::vector<std::string> warnings;   ///< What may be done and is probably not meant; with the tags' names, for a person.
};

/// What is wrong with several tags in one error: its code is the first one's. REQUIRES: there is one.
Error one_error(const std::vector<posture::TagError>& errors);

}  // namespace postern::ems
