#pragma once
// Several changes of tags that belong together: what they are, and what an engine made of them.
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "posture/compiled_tag.h"
#include "posture/tag.h"

namespace postern::posture {

struct TagEdits {
  std::vector<std::pair<TagId, TagDefinition>> set = {};  ///< Added, or in place of what has the id. Each id once.
  std::vector<TagId> removed = {};                        ///< Each once, none of those above.
};

/// What TagEngine::drafts makes of them.
struct TagDrafts {
  /// A tag comes after those that it refers to, directly or through others.
  std::vector<std::pair<TagId, std::unique_ptr<const CompiledTag>>> set;
  std::vector<TagId> removed;  ///< A tag comes before those that it refers to.
};

/// What is wrong with one of several.
struct TagError {
  std::string tag;  ///< Its name.
  Error error;
};

}  // namespace postern::posture
