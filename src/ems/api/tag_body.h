#pragma once
// A tag's definition as clients send it.
#include <boost/json/fwd.hpp>

#include "base/result.h"
#include "ems/api/call.h"
#include "ems/core/ems_core.h"
#include "posture/tag.h"

namespace postern::ems::api {

/// What answers have beyond the definition is taken back and ignored, so that what was read can be edited and sent back.
/// Errors: those of posture::parse_tag_json.
Result<posture::TagDefinition> read_tag(boost::json::value tag);

/// Whether the tags are still those that the caller saw. Error: kConflict.
Status check_seen(const CallPtr& call, const EmsCore::TagVersions& seen);

}  // namespace postern::ems::api
