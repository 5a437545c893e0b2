#pragma once
// What the change log says of an endpoint, and how to read it backwards.
#include <optional>
#include <string>
#include <vector>

#include "ems/store/store.h"

namespace postern::ems {

/// Log entries for what became of an endpoint; `before` null: it is new, `after` null: it is gone. Tag names by id.
std::vector<LoggedChange> endpoint_changes(const Endpoint* before, const Endpoint* after,
                                           const std::function<std::string(posture::TagId)>& tag_name);

/// Takes a "facts" change back: what it changed is as before. Error: kDataLoss.
Status undo_facts(const std::string& undo, posture::FactMap& facts);

}  // namespace postern::ems
