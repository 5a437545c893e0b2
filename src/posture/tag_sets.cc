#include "posture/tag_sets.h"

#include <algorithm>

#include "base/sort_unique.h"

namespace postern::posture {
namespace {

bool contains(const std::vector<TagId>& ids, TagId id) {
  return std::binary_search(ids.begin(), ids.end(), id);
}

/// Puts `id` in or takes it out; true if it wasn't so before.
bool place(std::vector<TagId>& ids, TagId id, bool in) {
  const auto at = std::lower_bound(ids.begin(), ids.end(), id);
  const bool is_in = at != ids.end() && *at == id;
  if (is_in == in) return false;
  if (in) {
    ids.insert(at, id);
  } else {
    ids.erase(at);
  }
  return true;
}

}  // namespace

std::string_view tag_state_name(TagState state) {
  switch (state) {
    case TagState::kAbsent:
      return "absent";
    case TagState::kUnknown:
      return "unknown";
    case TagState::kHas:
      return "has";
  }
  return "unknown";
}

TagSets::TagSets(std::vector<TagId> has, std::vector<TagId> unknown)
    : has_(std::move(has)), unknown_(std::move(unknown)) {
  sort_unique(has_);
  sort_unique(unknown_);
  std::erase_if(has_, [this](TagId id) { return contains(unknown_, id); });
}

TagState TagSets::state(TagId tag) const {
  if (contains(unknown_, tag)) return TagState::kUnknown;
  return contains(has_, tag) ? TagState::kHas : TagState::kAbsent;
}

bool TagSets::set(TagId tag, TagState state) {
  const bool has_changed = place(has_, tag, state == TagState::kHas);
  const bool unknown_changed = place(unknown_, tag, state == TagState::kUnknown);
  return has_changed || unknown_changed;
}

}  // namespace postern::posture
