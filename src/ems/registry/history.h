#pragma once
// What the change log says of an endpoint, and how to read it backwards.
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ems/store/store.h"

namespace postern::ems {

/// Log entries for what became of an endpoint; `before` null: it is new, `after` null: it is gone. `differs`: what of its
/// facts and tags is another. Tag names by id.
std::vector<LoggedChange> endpoint_changes(const Endpoint* before, const Endpoint* after, const PostureTable::Before& differs,
                                           const std::function<std::string(posture::TagId)>& tag_name);

/// What a logged change of an endpoint's tags says of the states before it, by the tags' names.
std::vector<std::pair<std::string, posture::TagState>> tag_states_before(std::string_view json);

/// Takes a "facts" change back: what it changed is as before. Error: kDataLoss.
Status undo_facts(const std::string& undo, posture::FactMap& facts);

}  // namespace postern::ems
