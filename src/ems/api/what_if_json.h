#pragma once
// What a considered change of tags would do, as the API tells it.
#include <boost/json/fwd.hpp>
#include <cstddef>
#include <functional>
#include <vector>

#include "ems/core/ems_core.h"

namespace postern::ems::api {

/// `limit`: UIDs named of each; `listed` says how many there are, and `count` of how many.
boost::json::object tag_what_if_json(const TagWhatIf& tag, std::size_t limit);
boost::json::array tag_what_ifs_json(const std::vector<TagWhatIf>& tags, std::size_t limit);
boost::json::object sessions_cut_json(const SessionsCut& cut, std::size_t limit);

/// Asks the gateways, and puts `sessions_cut` and `sessions_cut_later` into `out` (null: nothing is lost later) before
/// `done` is called. REQUIRES: `core` stays until then.
void ask_sessions_cut(EmsCore& core, Now now, const WhatIf& changes, std::size_t limit, boost::json::object out,
                      std::function<void(Result<boost::json::object>)> done);

}  // namespace postern::ems::api
