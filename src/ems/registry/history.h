#pragma once
// What the change log says of an endpoint, and how to read it backwards.
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ems/store/store.h"

namespace postern::ems {

/// Log entries for what became of an endpoint; `before` null: it is new, `after` null: it is gone. `differs`: what of its
/// facts and tags is another. Tag names by id.
std::vector<LoggedChange> endpoint_changes(const Endpoint* before, const Endpoint* after, const PostureTable::Before& differs,
                                           const std::function<std::string(posture::TagId)>& tag_name);

/// A tag's state before a logged change of an endpoint's tags.
struct TagStateBefore {
  posture::TagId id = 0;  ///< 0: a version before this wrote it, which named the tags only.
  std::string name;       ///< Of then.
  posture::TagState state = posture::TagState::kAbsent;
};
/// What `json` and `undo` of a change of the kind "endpoint_tags" say. Of one that is damaged: nothing, or what can be read.
std::vector<TagStateBefore> tag_states_before(std::string_view json, std::string_view undo);

/// Until when what the endpoint's agent reported was confirmed when a change of the kind "endpoint" or "endpoint_tags" with
/// this undo was written (Endpoint::confirmed_until). None: it doesn't say, as those of older versions and other kinds don't.
std::optional<WallTime> confirmed_by(std::string_view undo);

/// Takes a "facts" change back: what it changed is as before. Error: kDataLoss.
Status undo_facts(const std::string& undo, posture::FactMap& facts);

}  // namespace postern::ems
