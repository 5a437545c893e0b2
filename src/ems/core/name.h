#pragma once
// Names that administrators choose for what has an address of its own: /api/v1/administrators/<name>.
#include <string_view>

#include "base/result.h"

namespace postern::ems {

/// Allowed for something new: valid_tag_name(), and neither "." nor "..", which mean another place in a path, so that
/// what is called so could never be looked at, changed or deleted. Error: kInvalidArgument.
Status check_new_name(std::string_view name);

}  // namespace postern::ems
