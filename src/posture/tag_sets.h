#pragma once
// What an endpoint carries of tags.
#include <cstdint>
#include <string_view>
#include <vector>

#include "posture/tag.h"

namespace postern::posture {

enum class TagState : std::uint8_t { kAbsent, kUnknown, kHas };
std::string_view tag_state_name(TagState state);  ///< "absent", "unknown", "has".

/// The tags that an endpoint has and those of which nobody knows; every other is absent. Ascending
/// and disjoint.
class TagSets {
 public:
  TagSets() = default;
  /// As stored or received: in any order; a tag in both counts as unknown, because unknown never
  /// grants.
  TagSets(std::vector<TagId> has, std::vector<TagId> unknown);

  TagState state(TagId tag) const;
  /// True if it changed anything.
  bool set(TagId tag, TagState state);
  const std::vector<TagId>& has() const { return has_; }
  const std::vector<TagId>& unknown() const { return unknown_; }
  friend bool operator==(const TagSets&, const TagSets&) = default;

 private:
  std::vector<TagId> has_;
  std::vector<TagId> unknown_;
};

struct TagChange {
  TagId tag = 0;
  TagState before = TagState::kAbsent;
  TagState after = TagState::kAbsent;
  friend bool operator==(const TagChange&, const TagChange&) = default;
};

}  // namespace postern::posture
